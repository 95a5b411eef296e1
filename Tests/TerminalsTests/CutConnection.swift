import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Synchronization
import Testing
import Wire

@testable import GuestAgent
@testable import Terminals

/// A connection that breaks, in both directions at once, when so many bytes have passed in one of them.
final class CutStream: ByteStream {
    private let stream: any ByteStream
    private let left: Mutex<Int>

    init(_ stream: any ByteStream, after count: Int) {
        self.stream = stream
        left = Mutex(count)
    }

    var hasInput: Bool { stream.hasInput }

    func read(upTo count: Int) async throws -> [UInt8] {
        let bytes = try await stream.read(upTo: count)
        let passed = pass(bytes.count)
        if passed < bytes.count { stream.close() }
        return Array(bytes.prefix(passed))
    }

    func write(_ bytes: [UInt8]) async throws {
        let passed = pass(bytes.count)
        try await stream.write(Array(bytes.prefix(passed)))
        guard passed < bytes.count else { return }
        stream.close()
        throw LinuxError(LinuxError.Code(rawValue: EPIPE), "The connection was cut")
    }

    func closeWriting() async throws { try await stream.closeWriting() }
    func close() { stream.close() }

    private func pass(_ count: Int) -> Int {
        left.withLock { left in
            let passed = min(left, count)
            left -= passed
            return passed
        }
    }
}

/// An agent in this process whose connections are cut.
struct AgentBehindCuts: Sendable {
    static let token = "the token"

    let sockets: SandboxSockets
    /// How often was connected.
    let connections: @Sendable () -> Int

    /// - Parameter cut: after how many bytes the connection of that number breaks; nil lets it be.
    static func run(
        cut: @Sendable @escaping (_ connection: Int) -> Int?,
        _ body: @Sendable @escaping (AgentBehindCuts) async throws -> Void
    ) async throws {
        var template = Array("/tmp/martlet-terminals-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw LinuxError("make a temporary directory") }
        let home = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: home) }
        let agent = try Agent(
            AgentSettings(
                bootstrap: SecretHash(of: "bootstrap"),
                users: .caller(home: home),
                ownsMachine: false,
                controlGroups: nil,
                spoolDirectory: home
            )
        )
        let listener = try Listener(.loopback(0))
        let gateway = try Listener(.loopback(0))
        let address = listener.address
        let count = Counter()
        try await withThrowingTaskGroup { group in
            group.addTask { try await agent.run(on: listener, WaysOut(gateway: gateway)) }
            defer { group.cancelAll() }
            let plain = HTTPClient { try await Channel.connect(to: address) }
            let identity = GuestIdentity(
                accessToken: token,
                timeNanoseconds: 0,
                entropy: Data(repeating: 7, count: 32),
                hostname: "sandbox",
                machineID: String(repeating: "0", count: 32),
                envVars: [:]
            )
            let head = RequestHead(
                method: "POST",
                target: "/init",
                headers: ["Host": "guest", GuestProtocol.bootstrapHeader: "bootstrap"]
            )
            let answer = try await plain.send(head, body: .bytes(Array(JSONEncoder().encode(identity))))
            #expect(answer.head.status == 204)
            let cutting = HTTPClient {
                let channel = try await Channel.connect(to: address)
                return cut(count.next()).map { CutStream(channel, after: $0) } ?? channel
            }
            let client = CallClient(http: cutting, headers: ["Host": "guest", GuestProtocol.tokenHeader: token])
            try await body(AgentBehindCuts(sockets: SandboxSockets(client)) { count.current })
            await agent.killAll()
        }
    }
}

final class Counter: Sendable {
    private let value = Mutex(0)

    var current: Int { value.withLock { $0 } }

    /// How often this was called before.
    func next() -> Int {
        value.withLock { value in
            defer { value += 1 }
            return value
        }
    }
}
