import Glibc
import Linux

/// The files of a run: which they are, and the tar stream that carries them.
///
/// Modes, times and links are kept; owners are not. The history goes along, but not what may hold credentials.
package struct WorkingCopy: Sendable {
    /// Absolute, without links.
    let directory: String
    /// Names below the directory, each directory before what is in it.
    let names: [[UInt8]]
    /// What they take when unpacked.
    package let byteCount: Int64
    /// What was left out although it might be missed.
    package let warnings: [String]

    /// A file takes whole blocks.
    private static let block: Int64 = 4096

    /// Finds out what to take from a directory.
    ///
    /// - Parameter isComplete: whether ignored files are taken, too.
    /// - Throws: ``CommandsError`` when the directory or a file in it can not be read.
    package init(of path: String, isComplete: Bool) async throws {
        let directory = try Self.checked(path)
        var warnings: [String] = []
        var names: [FileName]
        if isComplete {
            names = try await BlockingPool.run { try FileNames.walk(Array(directory.utf8)) }
        } else {
            let listing = GitListing(directory: directory)
            names = try await listing.names()
            if Files.isDirectory("\(directory)/.git") {
                if try await listing.historyStandsAlone() {
                    names += [FileNames.git]
                    names += try await BlockingPool.run {
                        try FileNames.walk(Array("\(directory)/.git".utf8), prefix: FileNames.git)
                    }
                } else {
                    warnings.append("The history of '\(path)' is not copied: it needs more than its own directory")
                }
            }
        }
        let (found, inspected) = (
            names, try await BlockingPool.run { [names] in try Self.inspect(names, in: directory) }
        )
        if inspected.specialCount > 0 {
            warnings.append(
                "\(Readable.plural(inspected.specialCount, "file")) of '\(path)' left out: sockets, pipes or devices"
            )
        }
        if found.isEmpty, !isComplete, !FileNames.isEmpty(directory) {
            warnings.append("Every file of '\(path)' is ignored by git; --all-files copies them")
        }
        self.directory = directory
        self.names = inspected.names
        byteCount = inspected.byteCount
        self.warnings = warnings
    }

    private static func checked(_ path: String) throws(CommandsError) -> String {
        guard let directory = Files.resolved(path) else {
            throw CommandsError(
                .unusableInput,
                "The directory '\(path)' can not be used: \(String(cString: strerror(errno)))"
            )
        }
        guard Files.isDirectory(directory) else {
            throw CommandsError(.unusableInput, "'\(path)' is a file; --dir takes a directory")
        }
        guard access(directory, R_OK | X_OK) == 0 else {
            throw CommandsError(
                .unusableInput,
                "The directory '\(path)' can not be read: \(String(cString: strerror(errno)))"
            )
        }
        return directory
    }

    private struct Inspected {
        var names: [FileName] = []
        var byteCount: Int64 = 0
        var specialCount = 0
    }

    /// Looks at every file once: drops what is gone, adds the directories in between, counts bytes.
    private static func inspect(_ names: [FileName], in directory: String) throws -> Inspected {
        let root = Array("\(directory)/".utf8)
        var inspected = Inspected()
        var seen: Set<FileName> = []
        for name in names where !seen.contains(name) {
            // A tracked file that was deleted is listed all the same.
            guard let (kind, size) = FileNames.status(root + name) else { continue }
            for parent in FileNames.parents(of: name) where seen.insert(parent).inserted {
                inspected.names.append(parent)
                inspected.byteCount += block
            }
            guard kind != .other else {
                inspected.specialCount += 1
                continue
            }
            if kind == .file, !FileNames.isReadable(root + name) {
                let text = TerminalText.line(String(decoding: name, as: UTF8.self))
                throw CommandsError(
                    .unusableInput,
                    "The file '\(text)' in '\(directory)' can not be read; change its mode, or have git ignore it"
                )
            }
            seen.insert(name)
            inspected.names.append(name)
            inspected.byteCount += kind == .file ? (size + block - 1) / block * block : block
        }
        return inspected
    }

    /// Runs `body` with the tar stream of the files, read piece by piece; an empty piece is the end.
    ///
    /// The stream is valid only inside `body`, and only one task may read it.
    package func withArchive<Result: Sendable>(
        _ body: (_ next: @Sendable @escaping () async throws -> [UInt8]) async throws -> Result
    ) async throws -> Result {
        let archive = try TarArchive(self)
        return try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await archive.feed() }
                group.addTask { await archive.listen() }
                defer {
                    archive.end()
                    group.cancelAll()
                }
                return try await body { try await archive.next() }
            }
        } onCancel: {
            archive.end()
        }
    }
}

extension FileNames {
    static func isEmpty(_ directory: String) -> Bool {
        Files.list(directory).allSatisfy { $0 == ".git" }
    }
}
