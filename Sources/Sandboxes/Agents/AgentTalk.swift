import FoundationEssentials
import GuestLink
import Linux
import RPC
import Wire

/// What is said to a waiting agent, and what it answers: lines of JSON both ways.
package struct AgentTalk: Sendable {
    /// Longer lines are nothing that is waited for here.
    private static let lineLimit = 16 * 1024 * 1024

    private let guest: GuestLink
    package private(set) var events: MessageReader<ProcessStreamEvent>
    /// What of its output has no line end yet: whoever reads on begins with it.
    package private(set) var lines = LineSplitter()
    private var waiting: [[UInt8]] = []
    /// Its process in the guest.
    package private(set) var processID: UInt32?

    init(_ guest: GuestLink, _ events: MessageReader<ProcessStreamEvent>) {
        self.guest = guest
        self.events = events
    }

    // MARK: Said

    /// Gives it a message of several texts.
    package func say(_ texts: [String]) async throws {
        let content = texts.map { text -> JSONValue in ["type": "text", "text": .string(text)] }
        try await send(["role": "user", "content": .array(content)])
    }

    private func send(_ message: JSONValue) async throws {
        try await write(["type": "user", "message": message, "parent_tool_use_id": .null, "session_id": ""])
    }

    private func write(_ line: JSONValue) async throws {
        try await guest.write(line.encoded() + [0x0A], to: WaitingAgent.tag)
    }

    /// Bun draws its UUIDs from 2,048 random bytes at a time; these were drawn before the machine was copied.
    private static let drawnUUIDs = 128

    /// Has it use up the randomness that it has in common with all copies of its machine: what it draws next is its own.
    ///
    /// Each change of its mode is told with a UUID. The last leaves it in the mode in which it was started.
    package mutating func renewRandomness() async throws {
        let last = Random.hex(8)
        let count = Self.drawnUUIDs * 3 / 2
        var lines: [UInt8] = []
        for number in 1...count {
            let isLast = number == count
            let mode: JSONValue = isLast || number.isMultiple(of: 2) ? "bypassPermissions" : "acceptEdits"
            let id = isLast ? last : Random.hex(8)
            let request: JSONValue = ["subtype": "set_permission_mode", "mode": mode]
            let line: JSONValue = ["type": "control_request", "request_id": .string(id), "request": request]
            lines += line.encoded() + [0x0A]
        }
        try await guest.write(lines, to: WaitingAgent.tag)
        try await answer(to: last)
    }

    /// Has it forget its conversation and begin a session of its own.
    package mutating func forget() async throws {
        try await send(["role": "user", "content": "/clear"])
        let end = try await result()
        guard end["is_error"]?.bool != true else {
            throw SandboxError(.startFailed, "Claude Code does not forget its conversation: \(end.text())")
        }
    }

    /// Connects it to the server of the result tool.
    mutating func offerTool() async throws { try await offer(hasTool: true, servers: []) }

    /// Connects it to the server of the result tool, and to others that the gateway leads to.
    package mutating func offer(hasTool: Bool, servers: [String]) async throws {
        let url = "http://127.0.0.1:\(GuestProtocol.gatewayPort)/mcp"
        var offered = Dictionary(uniqueKeysWithValues: servers.map { ($0, WaitingAgent.server(at: "\(url)/\($0)")) })
        if hasTool { offered[WaitingAgent.server] = WaitingAgent.server(at: url) }
        let answer = try await ask(["subtype": "mcp_set_servers", "servers": .object(offered)])
        guard case .object(let errors)? = answer["errors"], errors.isEmpty else {
            throw SandboxError(.startFailed, "Claude Code does not reach its MCP servers: \(answer.text())")
        }
    }

    mutating func withdrawTools() async throws {
        try await ask(["subtype": "mcp_set_servers", "servers": [:]])
    }

    /// Asks it for something and waits for what it says to that; all else that it says is dropped.
    @discardableResult
    package mutating func ask(_ request: JSONValue) async throws -> JSONValue {
        let id = Random.hex(8)
        try await write(["type": "control_request", "request_id": .string(id), "request": request])
        return try await answer(to: id)
    }

    @discardableResult
    private mutating func answer(to id: String) async throws -> JSONValue {
        while true {
            let line = try await next()
            guard line["type"]?.string == "control_response", let answer = line["response"],
                answer["request_id"]?.string == id
            else { continue }
            guard answer["subtype"]?.string == "success" else {
                throw SandboxError(.startFailed, "Claude Code refuses to be set up: \(answer.text())")
            }
            return answer["response"] ?? .null
        }
    }

    /// Reads past all that it has said before.
    package mutating func catchUp() async throws {
        try await ask(["subtype": "mcp_status"])
    }

    // MARK: Answered

    /// Waits for the end of its turn.
    package mutating func result() async throws -> JSONValue {
        while true {
            let line = try await next()
            if line["type"]?.string == "result" { return line }
        }
    }

    private mutating func next() async throws -> JSONValue {
        while true {
            while !waiting.isEmpty {
                if let line = try? JSONValue(parsing: waiting.removeFirst()) { return line }
            }
            guard let message = try await events.next() else {
                throw CallError(.dataLoss, "The guest's stream ended before Claude Code did")
            }
            if let start = message.event.start { processID = start.pid }
            if let end = message.event.end {
                throw SandboxError(.startFailed, "Claude Code has ended: \(end.status ?? "")")
            }
            guard let bytes = message.event.data?.stdout else { continue }
            waiting = lines.add(Array(bytes))
            guard lines.pendingCount <= Self.lineLimit else {
                throw CallError(.resourceExhausted, "Claude Code wrote a line longer than \(Self.lineLimit) bytes")
            }
        }
    }
}
