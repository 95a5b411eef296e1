import FoundationEssentials
import GuestLink
import HTTP
import Wire

/// `/v5/vms/{vm}/fs`: files of a machine.
///
/// They are read and written as the user whom the request names; without one, as the user that commands run as.
struct FileEndpoints: Sendable {
    /// Of a body that is a document.
    static let documentLimit = 48 * 1024 * 1024

    let machines: VirtualMachines

    // MARK: Content

    func read(_ request: Request) async throws {
        let vm = try await machines.use(request)
        let path = try GuestPath(request)
        let exchange = request.exchange
        try await vm.link.withFile(path.text, range: request.headers["Range"], user: try request.user()) { file in
            if file.head.status == 416 {
                let refusal = FreestyleError(416, .rangeNotSatisfiable, "'\(path.text)' has no such range")
                var answer = refusal.answer(request.generation)
                answer.headers["Content-Range"] = file.head.headers["Content-Range"]
                return try await exchange.respond(answer.status, answer.headers, body: answer.body)
            }
            var headers: Headers = ["Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"]
            headers["Content-Range"] = file.head.headers["Content-Range"]
            let body = try exchange.start(file.head.status, headers, length: file.body.remaining)
            try await file.body.copy(to: body)
            try await body.finish()
        }
    }

    func write(_ request: Request) async throws {
        let vm = try await machines.use(request)
        let type = request.headers["Content-Type"]?.prefix { $0 != ";" }.lowercased()
        if type == "application/json" {
            try await writeDocument(request, vm)
        } else {
            let file = try NewFile(
                path: try GuestPath(request),
                mode: try request.integer("mode", in: NewFile.modes),
                digest: request.item("sha256"),
                user: try request.user()
            )
            let body = request.exchange.body
            if let length = body.remaining, length > NewFile.largest {
                throw FreestyleError(413, .payloadTooLarge, "A file has at most \(NewFile.largest) bytes")
            }
            try await file.write(to: vm.sandbox) { try await body.read(upTo: 256 * 1024) }
        }
        try await request.exchange.respond(204)
    }

    private func writeDocument(_ request: Request, _ vm: VM) async throws {
        var request = request
        request.body = try await request.exchange.body.collect(limit: Self.documentLimit)
        let members = try request.members()
        let file = try NewFile(
            path: try GuestPath(try members.text("path")),
            mode: try members.integer("mode", in: NewFile.modes),
            digest: try members.string("sha256"),
            user: try request.user(try members.string("linuxUser"))
        )
        try await file.write(to: vm.sandbox, from: Self.once(try FileContent.bytes(members)))
    }

    /// Gives bytes once, and then their end.
    static func once(_ bytes: [UInt8]) -> @Sendable () async throws -> [UInt8] {
        let rest = Remaining(bytes)
        return { rest.take() }
    }

    // MARK: The tree

    func list(_ request: Request) async throws -> Answer {
        let entries = try await entries(request, try GuestPath(request))
        return Answer(200, ["entries": .array(entries.map { ["name": .string($0.name), "kind": .string($0.kind)] })])
    }

    func entries(_ request: Request, _ path: GuestPath) async throws -> [FileEntry] {
        let vm = try await machines.use(request)
        let user = try request.user()
        return try await vm.link.call(ListDirectory.self, .init(path: path.text, depth: 1), user: user).entries
    }

    private func entry(_ request: Request) async throws -> FileEntry {
        let vm = try await machines.use(request)
        let path = try GuestPath(request)
        return try await vm.link.call(StatFile.self, .init(path: path.text), user: try request.user()).entry
    }

    func exists(_ request: Request) async throws -> Answer {
        do {
            _ = try await entry(request)
            return Answer(200, ["exists": true])
        } catch let error as CallError where error.code == .notFound { return Answer(200, ["exists": false]) }
    }

    func stat(_ request: Request) async throws -> Answer {
        let entry = try await entry(request)
        return Answer(
            200,
            [
                "size": .integer(entry.size.flatMap { Int64($0) } ?? 0),
                // Of a link, what it leads to.
                "isFile": .bool(entry.type == "FILE_TYPE_FILE"),
                "isDirectory": .bool(entry.type == "FILE_TYPE_DIRECTORY"),
                "isSymlink": .bool(entry.symlinkTarget != nil), "permissions": .string(Self.octal(entry.mode ?? 0)),
                "owner": .text(entry.owner), "group": .text(entry.group), "modified": .text(entry.modifiedTime),
            ]
        )
    }

    static func octal(_ mode: UInt32) -> String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }

    func makeDirectory(_ request: Request) async throws -> Answer {
        let vm = try await machines.use(request)
        let members = try request.members()
        let path = try GuestPath(try members.text("path"))
        let user = try request.user(try members.string("linuxUser"))
        do { _ = try await vm.link.call(MakeDirectory.self, .init(path: path.text), user: user) } catch let error
            as CallError where error.code == .alreadyExists
        {
            // It is there, as it was wanted.
        }
        return Answer(204)
    }

    /// Removes what is there, with all that is below it.
    func remove(_ request: Request) async throws -> Answer {
        let vm = try await machines.use(request)
        let path = try GuestPath(request)
        _ = try await vm.link.call(RemoveFile.self, .init(path: path.text), user: try request.user())
        return Answer(204)
    }
}

extension FileEntry {
    /// What it is itself, links not followed.
    var kind: String {
        if symlinkTarget != nil { return "symlink" }
        return type == "FILE_TYPE_DIRECTORY" ? "directory" : "file"
    }
}
