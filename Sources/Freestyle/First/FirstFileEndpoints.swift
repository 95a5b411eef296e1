import FoundationEssentials
import GuestLink
import HTTP
import Linux
import RPC
import Wire

/// `/v1/vms/{vm}/files/{path}`: a file's content or a directory's entries, as documents.
struct FirstFileEndpoints: Sendable {
    let files: FileEndpoints

    private func path(_ request: Request) throws -> GuestPath { try GuestPath("/" + request["path"]) }

    func read(_ request: Request) async throws -> Answer {
        let vm = try await files.machines.use(request)
        let path = try path(request)
        let user = try request.user()
        let entry = try await vm.link.call(StatFile.self, .init(path: path.text), user: user).entry
        if entry.type == "FILE_TYPE_DIRECTORY" {
            let entries = try await files.entries(request, path)
            return Answer(200, ["files": .array(entries.map { ["name": .string($0.name), "kind": .string($0.kind)] })])
        }
        let bytes = try await vm.link.withFile(path.text, user: user) { file in
            try await file.body.collect(limit: FileContent.limit)
        }
        // What is no text can only be told in base64.
        if request.item("encoding") != "base64", let text = String(validating: bytes, as: UTF8.self) {
            return Answer(200, ["content": .string(text), "encoding": "utf-8"])
        }
        return Answer(200, ["content": .string(Data(bytes).base64EncodedString()), "encoding": "base64"])
    }

    /// As in the fifth version, but that a new file may be read by all, as a shell makes it.
    func write(_ request: Request) async throws -> Answer {
        let vm = try await files.machines.use(request)
        let path = try path(request)
        let members = try request.members()
        let user = try request.user()
        var mode = try members.integer("mode", in: NewFile.modes)
        if mode == nil, try await !isThere(path, vm, user) { mode = 0o644 }
        let file = try NewFile(path: path, mode: mode, digest: nil, user: user)
        try await file.write(to: vm.sandbox, from: FileEndpoints.once(try FileContent.bytes(members)))
        return Answer(200, ["path": .string(path.text)])
    }

    private func isThere(_ path: GuestPath, _ vm: VM, _ user: String?) async throws -> Bool {
        do {
            _ = try await vm.link.call(StatFile.self, .init(path: path.text), user: user)
            return true
        } catch let error as CallError where error.code == .notFound { return false }
    }

    func remove(_ request: Request) async throws -> Answer {
        let vm = try await files.machines.use(request)
        let path = try path(request)
        _ = try await vm.link.call(RemoveFile.self, .init(path: path.text), user: try request.user())
        return Answer(200, ["path": .string(path.text)])
    }

    // MARK: Watching

    /// Streams what happens below a directory, a document a line, until the client goes.
    func watch(_ request: Request) async throws {
        let vm = try await files.machines.use(request)
        var request = request
        request.body = try await request.exchange.body.collect(limit: 64 * 1024)
        let members = try request.members()
        let path = try GuestPath(try members.string("path") ?? request.item("path") ?? "/root")
        let watch = WatchRequest(path: path.text, recursive: try members.bool("recursive") ?? true)
        let user = try request.user()
        let exchange = request.exchange
        let link = vm.link
        try await EventLines.whileWanted(exchange) {
            try await link.stream(WatchDirectory.self, watch, user: user) { events in
                let lines = try EventLines(exchange)
                try await lines.begin()
                while let event = try await events.next() {
                    guard let change = event.filesystem else { continue }
                    try await lines.send([
                        "type": .string(change.word), "path": .string("\(path.text)/\(change.name)"),
                        "name": .string(change.name),
                    ])
                }
                try await lines.end()
            }
        }
    }

    // MARK: Measuring

    private static let intervals: ClosedRange<Int64> = 100...10_000

    /// Streams what the machine uses, a document a line, until the client goes. The guest says it, and may lie.
    func stats(_ request: Request) async throws {
        let vm = try await files.machines.use(request)
        let interval = Duration.milliseconds(try request.integer("interval_ms", in: Self.intervals) ?? 1000)
        let exchange = request.exchange
        let link = vm.link
        _ = try await exchange.body.collect(limit: 64 * 1024)
        try await EventLines.whileWanted(exchange) {
            let lines = try EventLines(exchange)
            try await lines.begin()
            while true {
                try await lines.send(try await link.metricsNow())
                try await EventLoop.shared.sleep(for: interval)
            }
        }
    }
}

extension FileChange {
    fileprivate var word: String {
        switch type {
        case .create: "create"
        case .write: "modify"
        case .remove: "remove"
        case .rename: "rename"
        case .chmod: "chmod"
        }
    }
}
