import Glibc
import HTTP
import Linux
import Wire

/// `POST /martlet/unpack` and `GET /martlet/pack`: directories as tar streams, packed and unpacked by the guest's own tar
/// with the rights of the user.
struct Archives: Sendable {
    let requester: Requesters

    func unpack(_ exchange: Exchange) async throws {
        let (place, path) = try await target(exchange)
        let files = Files(account: place.account, switchesUser: requester.users.areSwitched)
        let tar = try await BlockingPool.run { [self] in
            try files.ensureDirectory(path)
            return try start(["-x", "-f", "-", "-C", path], place)
        }
        defer { tar.stop() }
        async let words = tar.words()
        try await tar.feed(exchange.body)
        let status = try await tar.child.exit.value()
        let said = await words
        guard status.isSuccess else { throw Self.failure("unpacked into", path, said) }
        try await exchange.respond(204)
    }

    func pack(_ exchange: Exchange) async throws {
        let (place, path) = try await target(exchange)
        let tar = try await BlockingPool.run { [self] in
            let files = Files(account: place.account, switchesUser: requester.users.areSwitched)
            guard try files.kind(of: path) == S_IFDIR else {
                throw CallError(.invalidArgument, "path '\(path)' is not a directory")
            }
            return try start(["-c", "-f", "-", "-C", path, "."], place)
        }
        defer { tar.stop() }
        tar.input.close()
        async let words = tar.words()
        var bytes = try await tar.output.read()
        if bytes.isEmpty {
            let said = await words
            throw Self.failure("packed", path, said)
        }
        let body = try exchange.start(200, ["Content-Type": "application/x-tar"])
        while !bytes.isEmpty {
            try await body.write(bytes)
            bytes = try await tar.output.read()
        }
        let status = try await tar.child.exit.value()
        // 1 is a file that changed while it was read: it is in the archive all the same. After anything worse the body
        // must not look complete, so it is left without its end.
        let said = await words
        guard status == .exited(0) || status == .exited(1) else { throw Self.failure("packed", path, said) }
        try await body.finish()
    }

    private func target(_ exchange: Exchange) async throws -> (Place, String) {
        guard let path = exchange.request.query["path"] else { throw HTTPError(400, "An archive needs a path") }
        let place = try await requester.place(exchange.request)
        return (place, try place.resolve(path))
    }

    private func start(_ arguments: [String], _ place: Place) throws -> Tool {
        try Tool.start("tar", arguments, for: place, switchesUser: requester.users.areSwitched)
    }

    /// Tar tells a full disk by its words alone.
    private static func failure(_ action: String, _ path: String, _ words: String) -> HTTPError {
        let lines = words.split(separator: "\n").prefix(3).joined(separator: "; ")
        let status = words.contains("No space left on device") ? 507 : 400
        return HTTPError(status, "'\(path)' was not \(action): \(lines.isEmpty ? "tar failed" : lines)")
    }
}
