import FoundationEssentials
import Linux
import TLS
import Testing

@testable import Egress

private let python = Program.variable("MARTLET_TEST_PYTHON")

/// A real gRPC client and a real gRPC server, with a sandbox's egress between them.
@Suite(.enabled(if: python != nil, "set MARTLET_TEST_PYTHON to what Tests/python/make-environment prints"))
struct `HTTP/2 to the outside` {
    private static let program =
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../python/grpc_through.py").path

    /// - Parameter rules: those for requests to the server, or to others.
    private func ask(ruling host: String) async throws -> (output: Program.Output, events: [EgressEvent]) {
        let root = "/tmp/martlet-http2-\(Random.name(10))"
        try Files.makeDirectory(root)
        defer { try? Files.remove(root) }
        let world = CertificateAuthority(directory: root)
        _ = try world.identity(for: "good.com")
        let authority = try SandboxAuthority(file: "\(root)/authority.pem")
        let trusted = try Files.read(world.certificateFile) + authority.certificate
        try Files.write(trusted, to: "\(root)/trusted.pem")
        let server = try PipedChild(
            path: python ?? "",
            arguments: [python ?? "", Self.program, "serve", "\(root)/server.pem", "\(root)/server.pem"],
            environment: Program.plainEnvironment()
        )
        defer { server.kill() }
        let line = try await withDeadline(.seconds(60)) { try await server.output.read() }
        let far = try #require(UInt16(String(decoding: line, as: UTF8.self).filter { !$0.isWhitespace }))
        let door = try Listener(.loopback(0))
        guard case .tcp(_, let port) = door.address else { throw CancellationError() }
        var policy = try EgressPolicy(allow: ["good.com"], deny: [])
        policy.headerRules = [try HeaderRule(id: "key", host: "\(host):\(port)", headers: ["X-Key": "a"])]
        let trust = try TLSTrust(file: world.certificateFile)
        let opening = RequestOpening(authority: authority, trust: trust) { _ in Secret("") }
        let serve: @Sendable (Channel) async throws -> Void = { channel in
            await splice(channel, try await Channel.connect(to: .loopback(far)))
        }
        return try await Outside.with(policy, ["good.com": ["93.184.216.34"]], opening: opening, serve: serve) {
            outside in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    await withDiscardingTaskGroup { connections in
                        while let guest = try? await door.accept(), let address = IPAddress("93.184.216.34") {
                            connections.addTask { await outside.egress.carry(guest, to: .address(address), port: port) }
                        }
                        connections.cancelAll()
                    }
                }
                defer {
                    door.close()
                    group.cancelAll()
                }
                let client = try Program(python ?? "", [Self.program, "ask", "\(port)", "\(root)/trusted.pem"])
                let output = try await withDeadline(.seconds(50)) { try await client.run() }
                return (output, outside.events.all)
            }
        }
    }

    @Test func `passes untouched where no rule is about the host's requests`() async throws {
        let (output, events) = try await ask(ruling: "other.com")
        #expect(output.text == "all of it\n", "\(output.errorText)")
        #expect(
            events.contains { $0.kind == .connection && $0.name == DomainName("good.com") && $0.decision.isAllowed }
        )
    }

    @Test func `is refused where one is, and gets past no rule`() async throws {
        let (output, events) = try await ask(ruling: "good.com")
        #expect(!output.status.isSuccess && output.errorText.contains("UNAVAILABLE"), "\(output.errorText)")
        let wasOpened = events.contains { if case .unreachable = $0.kind { true } else { false } }
        #expect(wasOpened, "\(events)")
    }
}
