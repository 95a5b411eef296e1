import Glibc
import Linux
import RPC
import Wire

/// What can be done with files, for one user. All of it blocks.
///
/// Everything is done with the user's own rights first. Where they do not suffice it is done as root, as E2B's agent does all
/// of it, on a way that the user can not bend; and what is made belongs to the user.
struct Files: Sendable {
    let account: Account
    /// Whether the agent can act as the user, and give away what it makes.
    let switchesUser: Bool

    /// Where a file is, for the system calls of one attempt.
    struct Spot {
        let path: String
        /// For whatever would follow a link at the end.
        let noFollow: Int32
    }

    /// Does something with files as the user, or else as root.
    ///
    /// - Parameter followsLast: whether a link at the end of a path stands for what it leads to.
    func act<Result>(
        on paths: [String],
        followsLast: Bool = false,
        _ body: ([Spot]) throws -> Result
    ) throws(CallError) -> Result {
        do {
            let plain = paths.map { Spot(path: $0, noFollow: 0) }
            guard switchesUser, account.uid != 0 else { return try body(plain) }
            do {
                return try FileRights.borrowed(from: account) { try body(plain) }
            } catch let error as LinuxError where [.denied, .notPermitted].contains(error.code) {
                let ways = try paths.map { path throws(LinuxError) in try GuardedPath(path, followsLast: followsLast) }
                return try withExtendedLifetime(ways) {
                    try body(ways.map { Spot(path: $0.path, noFollow: O_NOFOLLOW) })
                }
            }
        } catch let error as LinuxError {
            throw CallError(error, paths.first)
        } catch {
            throw CallError(error)
        }
    }

    private func act<Result>(
        on path: String,
        followsLast: Bool = false,
        _ body: (Spot) throws -> Result
    ) throws(CallError) -> Result {
        try act(on: [path], followsLast: followsLast) { try body($0[0]) }
    }

    // MARK: Looking

    func describe(_ path: String) throws(CallError) -> FileEntry {
        let accounts = Accounts.load()
        return try act(on: path) { try FileEntry(at: $0.path, as: path, accounts) }
    }

    /// Lists a directory, parents before children and each directory in the order of its names' bytes.
    func list(_ path: String, depth: UInt32) throws(CallError) -> [FileEntry] {
        guard try kind(of: path) == S_IFDIR else {
            throw CallError(.invalidArgument, "path '\(path)' is not a directory")
        }
        let accounts = Accounts.load()
        return try act(on: path, followsLast: true) { spot in
            var entries: [FileEntry] = []
            let names = try Directory.names(spot.path, followsLink: spot.noFollow == 0)
            try list(names, in: (spot.path, path), depth: max(1, depth), accounts, into: &entries)
            return entries
        }
    }

    /// - Parameter place: where the directory is, and the name to show for it.
    private func list(
        _ names: [String],
        in place: (path: String, shown: String),
        depth: UInt32,
        _ accounts: Accounts,
        into entries: inout [FileEntry]
    ) throws(LinuxError) {
        for name in names {
            let path = "\(place.path)/\(name)"
            let shown = place.shown == "/" ? "/\(name)" : "\(place.shown)/\(name)"
            // One that goes away between the two looks was never there.
            guard let entry = try? FileEntry(at: path, as: shown, accounts) else { continue }
            entries.append(entry)
            guard depth > 1, entry.type == "FILE_TYPE_DIRECTORY", entry.symlinkTarget == nil else { continue }
            let below: [String]
            do throws(LinuxError) {
                below = try Directory.names(path, followsLink: false)
            } catch {
                if error.code == .notFound || error.code == .notDirectory { continue }
                throw error
            }
            try list(below, in: (path, shown), depth: depth - 1, accounts, into: &entries)
        }
    }

    /// What stands at `path`, links followed: `S_IFDIR`, `S_IFREG` and so on.
    func kind(of path: String) throws(CallError) -> mode_t {
        try act(on: path, followsLast: true) { spot in
            var status = stat()
            try check("find '\(path)'") { stat(spot.path, &status) }
            return status.st_mode & S_IFMT
        }
    }

    /// The same; nil when nothing is there.
    private func kindIfAny(of path: String) throws(CallError) -> mode_t? {
        do throws(CallError) {
            return try kind(of: path)
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }

    // MARK: Changing

    /// Makes a directory and its parents.
    func makeDirectory(_ path: String) throws(CallError) -> FileEntry {
        switch try kindIfAny(of: path) {
        case S_IFDIR?: throw CallError(.alreadyExists, "directory already exists: \(path)")
        case .some: throw CallError(.invalidArgument, "path already exists but it is not a directory: \(path)")
        case nil: try ensureDirectory(path)
        }
        return try describe(path)
    }

    /// Makes what is missing of a directory; what is made belongs to the user.
    func ensureDirectory(_ path: String) throws(CallError) {
        if let kind = try kindIfAny(of: path) {
            guard kind == S_IFDIR else { throw CallError(.invalidArgument, "path '\(path)' is not a directory") }
            return
        }
        let parent = Self.parent(of: path)
        if parent != path { try ensureDirectory(parent) }
        try act(on: path) { spot in
            if mkdir(spot.path, 0o755) == 0 {
                if switchesUser { _ = lchown(spot.path, account.uid, account.gid) }
            } else if errno != EEXIST {
                throw LinuxError("make the directory '\(path)'")
            }
        }
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    func move(_ source: String, to destination: String) throws(CallError) -> FileEntry {
        _ = try describe(source)
        try ensureDirectory(Self.parent(of: destination))
        try act(on: [source, destination]) { spots in
            _ = try check("move '\(source)' to '\(destination)'") { rename(spots[0].path, spots[1].path) }
        }
        return try describe(destination)
    }

    func remove(_ path: String) throws(CallError) {
        guard path != "/" else { throw CallError(.invalidArgument, "The root directory can not be removed") }
        do throws(CallError) {
            try act(on: path) { try Directory.remove($0.path, shown: path) }
        } catch {
            // A part of the way that is missing, or is a file, is as good as the last.
            if error.code != .notFound { throw error }
        }
    }

    // MARK: Opening

    /// Opens a file to read; only a file has an end.
    func openToRead(_ path: String) throws(CallError) -> Descriptor {
        switch try kind(of: path) {
        case S_IFREG: break
        case S_IFDIR: throw CallError(.invalidArgument, "path '\(path)' is a directory")
        default: throw CallError(.invalidArgument, "path '\(path)' is not a file")
        }
        return try act(on: path, followsLast: true) { spot in
            try Self.regular(try Descriptor.open(spot.path, O_RDONLY | O_NONBLOCK | spot.noFollow), path)
        }
    }

    /// Opens a file to write it anew, with its parents, as the user's.
    func openToWrite(_ path: String, _ notes: [String: String]) throws(CallError) -> Descriptor {
        try ensureDirectory(Self.parent(of: path))
        return try act(on: path, followsLast: true) { spot in
            // Not to wait for the reader of a named pipe.
            let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | spot.noFollow
            let file = try Self.regular(try Descriptor.open(spot.path, flags, mode: 0o666), path)
            // Also where it is the user's already: clients that watch a directory count on seeing it given away.
            try check("give '\(path)' to '\(account.name)'") { fchown(file.raw, account.uid, account.gid) }
            try FileMetadata.replace(file, with: notes)
            return file
        }
    }

    /// Looks again at what was opened, which may have been put there since.
    private static func regular(_ file: Descriptor, _ path: String) throws -> Descriptor {
        var status = stat()
        try check("find '\(path)'") { fstat(file.raw, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw CallError(.invalidArgument, "path '\(path)' is not a file")
        }
        return file
    }
}
