import FoundationEssentials
import GuestLink
import HTTP
import Wire

/// `/v5/vms/{vm}/pty`: terminals of a machine, over WebSockets: binary messages are the terminal's bytes, text ones are JSON.
///
/// The sessions are in the guest, and outlive their sockets and this daemon.
struct TerminalEndpoints: Sendable {
    private static let sizes: ClosedRange<Int64> = 1...10_000

    let machines: VirtualMachines

    /// Opens a terminal, or joins the one that has the slug.
    func open(_ request: Request) async throws {
        let vm = try await machines.use(request)
        var opening = TerminalOpening(user: try request.user())
        if let replaces = request.item("replaceOnExit") {
            opening.replaceOnExit = replaces != "false" && replaces != "0"
        }
        if let slug = request.item("slug") {
            opening.slug = try Slug.checked(slug)
            guard UInt64(slug) == nil else {
                throw FreestyleError.badRequest("'slug' must not be a number: sessions have those")
            }
        }
        opening.size = TerminalSize(
            cols: UInt32(try request.integer("cols", in: Self.sizes) ?? 80),
            rows: UInt32(try request.integer("rows", in: Self.sizes) ?? 24)
        )
        do {
            opening.process = Self.shell(request.item("exec"), in: "~")
            try await vm.link.carryTerminal(request.exchange, opening)
        } catch let error as CallError where error.code == .invalidArgument && error.message.hasPrefix("cwd ") {
            // Not every user has a home.
            opening.process = Self.shell(request.item("exec"), in: "/")
            try await vm.link.carryTerminal(request.exchange, opening)
        }
    }

    private static func shell(_ line: String?, in directory: String) -> ProcessConfig {
        ProcessConfig(cmd: "/bin/bash", args: line.map { ["-l", "-c", $0] } ?? ["-i", "-l"], cwd: directory)
    }

    func join(_ request: Request) async throws {
        let vm = try await machines.use(request)
        var opening = TerminalOpening(session: request["session"], user: Self.owner(request))
        if let columns = try request.integer("cols", in: Self.sizes),
            let rows = try request.integer("rows", in: Self.sizes)
        {
            opening.size = TerminalSize(cols: UInt32(columns), rows: UInt32(rows))
        }
        try await vm.link.carryTerminal(request.exchange, opening)
    }

    func list(_ request: Request) async throws -> Answer {
        let vm = try await machines.use(request)
        let sessions = try await vm.link.terminals(of: Self.owner(request))
        return Answer(200, ["sessions": .array(try sessions.map { try JSONValue(encoding: $0) })])
    }

    /// As the first version tells them, whose sessions have texts for ids.
    func firstList(_ request: Request) async throws -> Answer {
        let vm = try await machines.use(request)
        let sessions = try await vm.link.terminals(of: Self.owner(request)).map { session -> JSONValue in
            [
                "id": .string(String(session.sessionId)), "name": .text(session.slug),
                "running": .bool(session.state == .running), "exitCode": .number(session.exitCode.map(Int64.init)),
                "createdAtMs": .integer(session.createdUnix * 1000), "cols": .integer(Int64(session.cols)),
                "rows": .integer(Int64(session.rows)), "user": .text(session.linuxUser),
                "attachedCount": .number(session.clients.map(Int64.init)), "suspended": false,
            ]
        }
        return Answer(200, ["terminals": .array(sessions)])
    }

    /// A session's text is for terminals to draw, so there is no other way to it than one.
    func missingText(_ request: Request) async throws -> Answer {
        _ = try machines.find(request)
        throw FreestyleError.missing(
            "terminals' texts as documents; a socket to '/v5/vms/{vm}/pty/sessions/{session}' gets what was shown so far"
        )
    }

    /// Hangs a session up; one that has ended is told of, and stays as it is.
    func close(_ request: Request) async throws -> Answer {
        let vm = try await machines.use(request)
        let ended = try await vm.link.endTerminal(request["session"], of: Self.owner(request))
        var document: [String: JSONValue] = ["sessionId": .integer(Int64(ended.sessionId))]
        document["exitCode"] = ended.exitCode.map { .integer(Int64($0)) }
        return Answer(200, .object(document))
    }

    /// Whose sessions are meant; nobody named is everybody's.
    private static func owner(_ request: Request) -> String? {
        request.item("linuxUser") ?? request.headers[Request.userHeader]
    }
}
