// The API: everything that comes in over the daemon's sockets. One table of calls, one proxy to the guests.
//
//     unix socket, its owner's alone ──┐
//     127.0.0.1, with a key ───────────┴─► ControlServer ─┬─ with E2b-Sandbox-Id     SandboxProxy, to the guest's agent
//                                                          ├─ /martlet.v1.…            CallRouter, by name
//                                                          └─ /sandboxes, …            E2BServer, E2B's control plane

import Access
import E2B
import FoundationEssentials
import HTTP
import Linux
import Machines
import RPC
import Runs
import Sandboxes
import Synchronization
import Templates
import Wire

/// Serves the daemon's API.
package final class ControlServer: Sendable {
    /// Who may use a listener.
    package enum Trust: Sendable {
        /// Whoever can connect: the socket's mode keeps others out.
        case everyone
        /// Whoever sends one of these keys in `X-API-Key`.
        case keys(APIKeys)
    }

    /// What the API tells about the daemon itself, and how to stop it.
    package struct Daemon: Sendable {
        package var describe: @Sendable () -> GetDaemon.Response
        package var shutDown: @Sendable (_ keepSandboxes: Bool) -> Void

        package init(
            describe: @escaping @Sendable () -> GetDaemon.Response,
            shutDown: @escaping @Sendable (_ keepSandboxes: Bool) -> Void
        ) {
            self.describe = describe
            self.shutDown = shutDown
        }
    }

    private let router: CallRouter
    private let daemon: Daemon
    /// A request to stop, carried out once its answer has left.
    private let requests = ShutDownRequests()
    private let proxy: SandboxProxy
    private let e2b: E2BServer
    private let lastUse = Mutex(ContinuousClock.now)
    private let inFlight = Atomic<Int>(0)

    package init(
        sandboxes: SandboxRegistry,
        runs: RunRegistry,
        templates: TemplateBuilder,
        keys: APIKeys,
        e2b: E2BServer,
        daemon: Daemon
    ) {
        var router = CallRouter()
        router.addSandboxCalls(sandboxes)
        router.addRunCalls(runs)
        router.addTemplateCalls(templates, sandboxes)
        router.addKeyCalls(keys)
        router.addDaemonCalls(daemon, requests: requests)
        self.router = router
        self.daemon = daemon
        self.e2b = e2b
        proxy = SandboxProxy(sandboxes)
    }

    /// How long nobody has asked for anything.
    package var idleTime: Duration {
        inFlight.load(ordering: .relaxed) > 0 ? .zero : ContinuousClock.now - lastUse.withLock { $0 }
    }

    /// Serves a listener until the task is cancelled.
    package func run(on listener: Listener, trust: Trust) async throws {
        let server = HTTPServer { [self] exchange in
            inFlight.add(1, ordering: .relaxed)
            defer {
                inFlight.subtract(1, ordering: .relaxed)
                lastUse.withLock { $0 = .now }
            }
            try await handle(exchange, trust)
            if let keepsSandboxes = requests.take() { daemon.shutDown(keepsSandboxes) }
        }
        try await server.run(on: listener)
    }

    private func handle(_ exchange: Exchange, _ trust: Trust) async throws {
        let sandbox = exchange.request.headers[SandboxHeaders.id]
        if exchange.request.path == "/health", sandbox == nil { return try await exchange.respond(200) }
        let caller = try await caller(of: exchange, trust)
        if let sandbox {
            guard caller != nil else { return try await CallRouter.refuse(exchange, Self.unauthenticated) }
            return try await proxy.forward(exchange, to: sandbox)
        }
        if exchange.request.path.hasPrefix("/martlet.v1.") {
            if let refusal = Self.refusal(of: caller) { return try await CallRouter.refuse(exchange, refusal) }
            if try await router.route(exchange) { return }
            return try await CallRouter.refuse(
                exchange,
                CallError(.notFound, "There is nothing at '\(exchange.request.path)'")
            )
        }
        if try await e2b.route(exchange, from: caller) { return }
        try await e2b.refuse(exchange, from: caller)
    }

    /// Who asks; nil when nobody knows the key.
    private func caller(of exchange: Exchange, _ trust: Trust) async throws -> Caller? {
        switch trust {
        case .everyone: return .local
        case .keys(let keys):
            guard let key = exchange.request.headers.apiKey else { return nil }
            return try await keys.owner(of: key).map { .owner($0) }
        }
    }

    /// Why a caller may not use the daemon's own calls: they see everybody's sandboxes and manage what all share.
    private static func refusal(of caller: Caller?) -> CallError? {
        guard let caller else { return unauthenticated }
        if caller.managesInstallation { return nil }
        return CallError(.permissionDenied, "Only a key of the installation's owner opens the daemon's own calls")
    }

    private static let unauthenticated = CallError(
        .unauthenticated,
        "The key in X-API-Key is missing or wrong; 'martlet env' prints it"
    )
}
