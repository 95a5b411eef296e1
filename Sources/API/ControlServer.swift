// The API: everything that comes in over the daemon's sockets. One table of calls, one proxy to the guests.
//
//     unix socket, its owner's alone ──┐
//     127.0.0.1, with a key ───────────┴─► ControlServer ─┬─ /martlet.v1.…            CallRouter, by name
//                                                          └─ with E2b-Sandbox-Id     SandboxProxy, to the guest's agent

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
        /// Whoever sends the key in `X-API-Key`.
        case key(Secret)
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
    private let lastUse = Mutex(ContinuousClock.now)
    private let inFlight = Atomic<Int>(0)

    package init(sandboxes: SandboxRegistry, runs: RunRegistry, templates: TemplateBuilder, daemon: Daemon) {
        var router = CallRouter()
        router.addSandboxCalls(sandboxes)
        router.addRunCalls(runs)
        router.addTemplateCalls(templates, sandboxes)
        router.addDaemonCalls(daemon, requests: requests)
        self.router = router
        self.daemon = daemon
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
        if exchange.request.path == "/health" { return try await exchange.respond(204) }
        if case .key(let key) = trust {
            guard let given = exchange.request.headers["X-API-Key"], key.matches(given) else {
                let refusal = CallError(
                    .unauthenticated,
                    "The key in X-API-Key is missing or wrong; 'martlet env' prints it"
                )
                return try await CallRouter.refuse(exchange, refusal)
            }
        }
        if let id = exchange.request.headers[SandboxHeaders.id] { return try await proxy.forward(exchange, to: id) }
        if try await router.route(exchange) { return }
        try await CallRouter.refuse(exchange, CallError(.notFound, "There is nothing at '\(exchange.request.path)'"))
    }
}
