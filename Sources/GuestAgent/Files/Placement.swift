import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Wire

/// `POST /martlet/place`: puts a file that was written whole in the place of another.
struct Placement: Sendable {
    let requester: Requesters

    func answer(_ exchange: Exchange) async throws {
        let body = try await exchange.body.collect(limit: 64 * 1024)
        let request: FilePlacement
        do {
            request = try JSONDecoder().decode(FilePlacement.self, from: Data(body))
        } catch {
            throw HTTPError(400, "The body has no 'source' and 'destination': \(error)")
        }
        let place = try await requester.place(exchange.request)
        let source = try place.resolve(request.source)
        let destination = try place.resolve(request.destination)
        let files = Files(account: place.account, switchesUser: requester.users.areSwitched)
        try await BlockingPool.run { try files.place(source, at: destination, mode: request.mode) }
        try await exchange.respond(204)
    }
}

extension Files {
    /// Gives the file `source` the place `destination`, and the rights and the owner of what stood there.
    ///
    /// - Parameter mode: the rights, if they are to be others.
    func place(_ source: String, at destination: String, mode: UInt32?) throws(CallError) {
        try act(on: [source, destination]) { spots in
            let file = try Descriptor.open(spots[0].path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
            defer { file.close() }
            var status = stat()
            try check("find '\(source)'") { fstat(file.raw, &status) }
            // A second name of somebody else's file would have its rights changed, too.
            guard status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1 else {
                throw CallError(.invalidArgument, "path '\(source)' is not a file of one name")
            }
            var previous = stat()
            let replaces = lstat(spots[1].path, &previous) == 0
            if replaces, previous.st_mode & S_IFMT == S_IFDIR {
                throw CallError(.invalidArgument, "path '\(destination)' is a directory")
            }
            let isFile = replaces && previous.st_mode & S_IFMT == S_IFREG
            if isFile, switchesUser, previous.st_uid != status.st_uid || previous.st_gid != status.st_gid {
                try check("give '\(destination)' to its owner") { fchown(file.raw, previous.st_uid, previous.st_gid) }
            }
            // After the owner, whose change takes special rights away.
            let rights = mode.map { mode_t($0) } ?? (isFile ? previous.st_mode : 0o600)
            try check("set the rights of '\(destination)'") { fchmod(file.raw, rights & 0o7777) }
            try check("move '\(source)' to '\(destination)'") { rename(spots[0].path, spots[1].path) }
        }
    }
}
