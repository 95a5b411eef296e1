import Egress
import Gateway
import GuestLink
import HTTP
import Linux
import RPC
import Router
import Wire

/// Programs that this one starts of itself, each the only thing in its process, so that its processor time is its own.
///
///     wrk ─┬──────────────────────────────► origin          direct
///          ├─► nginx ─────────────────────► origin          a reverse proxy
///          └─► router ─► "agent" of origin ─┘               Martlet's, with a guest that is no machine
///
///     a client ─┬────────────► model                        directly
///               └─► gateway ─► model                        with a budget to keep
///
///     a client ───► egress ──► bytes                        what a sandbox connects to
///
/// The origin answers on its port, and behind the upgrade by which a guest's agent lets the host in to a port: so each of the
/// three ways ends in the same server, and the two proxies have the same work to do.
enum Stage: String {
    case origin
    case router
    case model
    case gateway
    case bytes
    case egress

    static let sandbox = "ibenchmark0000000000"
    private static let token = Secret("benchmark")

    /// Serves until it is killed; says its port on standard output first.
    static func run(_ arguments: [String]) async throws -> Bool {
        guard let stage = arguments.first.flatMap(Stage.init) else { return false }
        let listener = try Listener(.loopback(0))
        guard case .tcp(_, let port) = listener.address else { return false }
        Benchmark.write("\(port)\n", to: 1)
        switch stage {
        case .origin: try await originServer.run(on: listener)
        case .router:
            guard let target = arguments.dropFirst().first.flatMap({ UInt16($0) }) else { return false }
            try await routerServer(to: target).run(on: listener)
        case .model: try await modelServer.run(on: listener)
        case .gateway:
            guard let target = arguments.dropFirst().first.flatMap({ UInt16($0) }) else { return false }
            try await gatewayServer(to: target).run(on: listener)
        case .bytes: try await ByteServer.run(on: listener)
        case .egress:
            guard let target = arguments.dropFirst().first.flatMap({ UInt16($0) }) else { return false }
            try await runEgress(on: listener, to: target)
        }
        return true
    }

    /// An address of the public internet, which the egress is told is in this machine.
    static let place = IPAddress.v4(0x5DB8_D70E)

    private static func runEgress(on listener: Listener, to port: UInt16) async throws {
        let egress = SandboxEgress(
            sandboxID: sandbox,
            policy: try EgressBenchmarks.policy(),
            resolver: SystemResolver(),
            connect: { _, _ in try await Channel.connect(to: .loopback(port)) },
            note: { _ in }
        )
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                let channel = try await listener.accept()
                group.addTask { await egress.carry(channel, to: .address(place), port: 8443) }
            }
        }
    }

    /// A kilobyte for everyone, on a connection or behind the upgrade to one.
    private static let answer = HTTPServer { exchange in
        try await exchange.respond(200, ["Content-Type": "text/plain"], body: page)
    }
    private static let page = [UInt8](repeating: 0x61, count: 1024)

    private static var originServer: HTTPServer {
        HTTPServer { exchange in
            if exchange.request.path == GuestProtocol.connectPath {
                return await answer.serve(try await exchange.upgrade(to: GuestProtocol.connectUpgrade))
            }
            try await exchange.respond(200, ["Content-Type": "text/plain"], body: page)
        }
    }

    /// A streamed answer, all of it at once.
    private static var modelServer: HTTPServer {
        HTTPServer { exchange in
            guard exchange.request.method == "POST" else { return try await exchange.respond(200) }
            _ = try await exchange.body.collect(limit: 1 << 20)
            let writer = try exchange.start(200, ["Content-Type": "text/event-stream"])
            try await writer.write(Array(beginning.utf8))
            try await writer.flush()
            try await writer.write(Array(ending.utf8))
            try await writer.finish()
        }
    }
    private static let beginning = """
        event: message_start
        data: {"type":"message_start","message":{"id":"m","model":"claude-opus-5-5","usage":{"input_tokens":100,"output_tokens":1}}}


        """
    private static let ending = """
        event: message_delta
        data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":20}}


        """

    private static func gatewayServer(to port: UInt16) throws -> HTTPServer {
        let (ledger, account) = (Ledger(), Ledger.Account.run("benchmark"))
        ledger.open(account, limit: Ledger.Limit(dollars: Money(dollars: 1_000_000)))
        let upstream = try ModelUpstream(baseURL: "http://127.0.0.1:\(port)", credential: .apiKey(Secret("benchmark")))
        let purse = Purse(sandboxID: "benchmark", ledger: ledger, accounts: [account])
        let endpoint = ModelEndpoint(upstream: upstream, purse: purse)
        return HTTPServer { try await endpoint.handle($0) }
    }

    private static func routerServer(to port: UInt16) -> HTTPServer {
        let sandbox = RoutedSandbox(
            id: sandbox,
            token: token,
            link: GuestLink(GuestLine(to: .loopback(port)), token: token),
            waitForEnd: { try await Latch<Void>().value() }
        )
        let router = SandboxRouter(
            sandboxes: SandboxDirectory(find: { $0 == sandbox.id ? sandbox : nil }, all: { [sandbox] }),
            domain: "e2b.localhost"
        )
        return HTTPServer { exchange in
            if try await !router.route(exchange) { throw HTTPError(404, "This is only a router") }
        }
    }
}
