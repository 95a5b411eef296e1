import CLinux
import FoundationEssentials
import Glibc
import GuestLink
import HTTP
import Linux
import RPC
import Synchronization
import Testing
import Wire

@testable import GuestAgent

/// An agent in this process, for the user who runs the tests, with a home of its own.
struct RunningAgent: Sendable {
    static let secret = "the bootstrap secret"
    static let token = "the first token"

    let agent: Agent
    let home: String
    let address: SocketAddress
    let ways: WaysOut
    var gateway: SocketAddress { ways.gateway.address }

    /// Runs an agent for the time of `body`; without `isIdentified` it is still sealed.
    ///
    /// - Parameter users: those of this machine, for a test that runs as root; else there is the calling one alone.
    static func run(
        isIdentified: Bool = true,
        users: Users? = nil,
        tunnelPatience: Duration = .seconds(10),
        controlGroups: String? = nil,
        _ body: @Sendable @escaping (RunningAgent) async throws -> Void
    ) async throws {
        let home = try temporaryDirectory()
        defer { try? Directory.remove(home) }
        var settings = AgentSettings(
            bootstrap: SecretHash(of: secret),
            users: users ?? .caller(home: home),
            ownsMachine: false,
            controlGroups: controlGroups,
            spoolDirectory: home
        )
        settings.tunnelPatience = tunnelPatience
        let agent = try Agent(settings)
        let listener = try Listener(.loopback(0))
        let ways = WaysOut(
            gateway: try Listener(.loopback(0)),
            everywhere: try Listener(.loopback(0)),
            names: (try DatagramSocket(.loopback(0)), try Listener(.loopback(0)))
        )
        let running = RunningAgent(agent: agent, home: home, address: listener.address, ways: ways)
        try await withThrowingTaskGroup { group in
            group.addTask { try await agent.run(on: listener, ways) }
            defer { group.cancelAll() }
            var identity = identity
            if case .ofGuest? = users { identity.defaultUser = "root" }
            if isIdentified { _ = try await running.identify([GuestProtocol.bootstrapHeader: secret], identity) }
            try await body(running)
            await agent.killAll()
        }
    }

    /// Whether the file system of the agents' homes has extended attributes.
    static var hasAttributes: Bool {
        guard let home = try? temporaryDirectory() else { return false }
        defer { try? Directory.remove(home) }
        return setxattr(home, "user.test", "1", 1, 0) == 0
    }

    static func temporaryDirectory() throws -> String {
        var template = Array("/tmp/martlet-agent-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw LinuxError("make a temporary directory") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    var http: HTTPClient {
        let address = address
        return HTTPClient { try await Channel.connect(to: address) }
    }

    /// What is sent along with every request.
    static let headers: Headers = ["Host": "guest", GuestProtocol.tokenHeader: token]

    var calls: CallClient { CallClient(http: http, headers: Self.headers) }

    /// The host's own way to it.
    var link: GuestLink { GuestLink(GuestLine(to: address), token: Secret(Self.token)) }

    static let identity = GuestIdentity(
        accessToken: token,
        timeNanoseconds: 0,
        entropy: Data(repeating: 7, count: 32),
        hostname: "sandbox",
        machineID: String(repeating: "0", count: 32),
        envVars: ["GREETING": "hello"]
    )

    /// Asks for `identity` and gives the status.
    func identify(_ headers: Headers, _ identity: GuestIdentity = identity) async throws -> Int {
        var head = RequestHead(method: "POST", target: "/init", headers: headers)
        head.headers["Host"] = "guest"
        return try await http.send(head, body: .bytes(identity.encoded())).head.status
    }

    /// Makes a plain request with the token.
    func send(
        _ method: String,
        _ target: String,
        _ headers: Headers = [:],
        _ body: [UInt8]? = nil
    ) async throws -> (status: Int, body: [UInt8]) {
        var head = RequestHead(method: method, target: target, headers: Self.headers)
        for field in headers.fields { head.headers[field.name] = field.value }
        let answer = try await http.send(head, body: body.map { .bytes($0) } ?? .none)
        return (answer.head.status, answer.body)
    }

    /// Makes a plain request with the token and gives all of the answer.
    func exchange(
        _ method: String,
        _ target: String,
        _ headers: Headers = [:]
    ) async throws -> (head: ResponseHead, body: [UInt8]) {
        try await http.send(
            RequestHead(method: method, target: target, headers: Self.headers.adding(headers)),
            body: .none
        )
    }

    /// Makes a unary call with a body as it stands.
    func ask(_ name: String, _ json: String, _ headers: Headers = [:]) async throws -> (status: Int, body: JSONValue) {
        let type: Headers = ["Content-Type": "application/json"]
        let answer = try await send("POST", "/\(name)", type.adding(headers), Array(json.utf8))
        return (answer.status, try JSONValue(parsing: answer.body))
    }

    /// Makes a streaming call with a message as it stands and gives all that comes back, the last message included.
    func hear(_ name: String, _ json: String, _ headers: Headers = [:]) async throws -> (
        type: String?, said: [JSONValue]
    ) {
        var head = RequestHead(method: "POST", target: "/\(name)", headers: Self.headers)
        head.headers["Content-Type"] = "application/connect+json"
        let answer = try await http.send(
            RequestHead(method: "POST", target: head.target, headers: head.headers.adding(headers)),
            body: .bytes(Envelope(payload: Array(json.utf8)).encoded)
        )
        var decoder = EnvelopeDecoder()
        decoder.add(answer.body)
        var said: [JSONValue] = []
        while let envelope = try decoder.next() {
            said.append(try JSONValue(parsing: envelope.payload))
            #expect(envelope.isEnd == (said.last?["event"] == nil))
        }
        #expect(!decoder.isInsideEnvelope)
        return (answer.head.headers["Content-Type"], said)
    }

    /// Runs a shell line to its end.
    func shell(_ line: String, _ change: (inout StartProcess.Request) -> Void = { _ in }) async throws -> Story {
        var request = StartProcess.Request(process: ProcessConfig(cmd: "/bin/sh", args: ["-c", line]), stdin: false)
        change(&request)
        return try await calls.stream(StartProcess.self, request) { events in
            var story = Story()
            try await story.readAll(&events)
            return story
        }
    }
}

extension Headers {
    /// With the fields of `others` in place of its own.
    func adding(_ others: Headers) -> Headers {
        var all = self
        for field in others.fields { all[field.name] = field.value }
        return all
    }
}

/// What the events of a process tell.
struct Story: Sendable {
    var pid: UInt32 = 0
    var stdout: [UInt8] = []
    var stderr: [UInt8] = []
    var terminal: [UInt8] = []
    var end: ProcessEvent.End?

    var text: String { String(decoding: stdout, as: UTF8.self) }
    var errorText: String { String(decoding: stderr, as: UTF8.self) }

    /// Takes one event; false at the end of the stream.
    mutating func read(_ events: inout MessageReader<ProcessStreamEvent>) async throws -> Bool {
        guard let event = try await events.next()?.event else { return false }
        if let start = event.start { pid = start.pid }
        if let data = event.data {
            stdout += data.stdout ?? Data()
            stderr += data.stderr ?? Data()
            terminal += data.pty ?? Data()
        }
        if let end = event.end { self.end = end }
        return true
    }

    mutating func readAll(_ events: inout MessageReader<ProcessStreamEvent>) async throws {
        while try await read(&events) {}
    }

    /// Reads until the process has written `text`.
    mutating func read(_ events: inout MessageReader<ProcessStreamEvent>, until text: String) async throws {
        while !String(decoding: stdout + terminal, as: UTF8.self).contains(text), try await read(&events) {}
    }
}

/// Whether a process is there and not just waiting to be collected.
func isAlive(_ pid: Int32) -> Bool {
    let stat = Accounts.text(of: "/proc/\(pid)/stat")
    guard let end = stat.lastIndex(of: ")") else { return false }
    return !stat[end...].hasPrefix(") Z")
}

/// Expects a status. The macro does not take these calls itself: it can not tell that they throw.
func expect(_ status: Int, _ expected: Int, at place: SourceLocation = #_sourceLocation) {
    #expect(status == expected, sourceLocation: place)
}
