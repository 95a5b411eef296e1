// The API: everything that comes in over the daemon's sockets, asked in this order.
//
//     unix socket, its owner's alone ──┐                   ┌─ by host or header         SandboxRouter, to a guest
//     127.0.0.1, plain ────────────────┼─► ControlServer ──┼─ /health                   by anyone
//     127.0.0.1, TLS ──────────────────┘                   ├─ /martlet.v1.…             CallRouter, with a key
//                                                          ├─ /v1/…, /v5/…              FreestyleServer
//                                                          └─ /sandboxes, …             E2BServer, E2B's control plane

import Access
import E2B
import FoundationEssentials
import Freestyle
import Gateway
import HTTP
import Linux
import Machines
import RPC
import Router
import Runs
import Sandboxes
import Secrets
import Synchronization
import Templates
import Volumes
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
        package var describe: @Sendable () async -> GetDaemon.Response
        package var shutDown: @Sendable (_ keepSandboxes: Bool) -> Void

        package init(
            describe: @escaping @Sendable () async -> GetDaemon.Response,
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
    private let sandboxRouter: SandboxRouter
    private let e2b: E2BServer
    private let freestyle: FreestyleServer
    private let lastUse = Mutex(ContinuousClock.now)
    private let inFlight = Atomic<Int>(0)
    /// Finds the owner of a sandbox.
    private let sandboxes: SandboxRegistry

    /// - Parameter domain: below which sandboxes have host names.
    package init(
        sandboxes: SandboxRegistry,
        runs: RunRegistry,
        volumes: VolumeStore,
        templates: TemplateBuilder,
        builds: TemplateBuilds,
        keys: APIKeys,
        gateway: GuestGateway,
        secrets: SecretVault,
        e2b: E2BServer,
        freestyle: FreestyleServer,
        daemon: Daemon,
        domain: String
    ) {
        var router = CallRouter()
        router.addSandboxCalls(sandboxes, volumes)
        router.addSnapshotCalls(sandboxes)
        router.addNetworkCalls(sandboxes)
        router.addAuditCalls(sandboxes)
        router.addRunCalls(runs)
        router.addTemplateCalls(templates, builds, sandboxes)
        router.addKeyCalls(keys, gateway)
        router.addUsageCalls(keys, gateway)
        router.addSecretCalls(secrets)
        router.addDaemonCalls(daemon, requests: requests)
        self.router = router
        self.daemon = daemon
        self.e2b = e2b
        self.freestyle = freestyle
        self.sandboxes = sandboxes
        sandboxRouter = SandboxRouter(sandboxes: SandboxDirectory(sandboxes), domain: domain) { id, request in
            sandboxes.audits.note(id, request)
        }
    }

    /// How long nobody has asked for anything.
    package var idleTime: Duration {
        inFlight.load(ordering: .relaxed) > 0 ? .zero : ContinuousClock.now - lastUse.withLock { $0 }
    }

    /// Serves a listener until the task is cancelled.
    ///
    /// - Parameter secure: makes of each connection the stream to serve, such as TLS; nil serves it as it is.
    package func run(
        on listener: Listener,
        trust: Trust,
        through secure: (@Sendable (Channel) async throws -> any ByteStream)? = nil
    ) async throws {
        var limits = HTTPLimits()
        // E2B's clients keep connections for five minutes: we must not close while a request is on its way.
        limits.idleTime = .seconds(330)
        let server = HTTPServer(limits: limits) { [self] exchange in
            inFlight.add(1, ordering: .relaxed)
            defer {
                inFlight.subtract(1, ordering: .relaxed)
                lastUse.withLock { $0 = .now }
            }
            try await handle(exchange, trust)
            if let keepsSandboxes = requests.take() { daemon.shutDown(keepsSandboxes) }
        }
        try await server.run(on: listener, through: secure)
    }

    private func handle(_ exchange: Exchange, _ trust: Trust) async throws {
        // Whoever has the key of a sandbox's owner may do with it as it likes.
        let isRouted = try await sandboxRouter.route(exchange) { id in
            guard let caller = try await self.caller(of: exchange, trust) else { return false }
            return (try? sandboxes.sandbox(id)).map { caller.sees($0.record.owner) } ?? false
        }
        if isRouted { return }
        if exchange.request.path == "/health" { return try await exchange.respond(200) }
        let caller = try await caller(of: exchange, trust)
        if exchange.request.path.hasPrefix("/martlet.v1.") {
            if let refusal = Self.refusal(of: caller) { return try await CallRouter.refuse(exchange, refusal) }
            if try await Caller.$current.withValue(caller ?? .local, operation: { try await router.route(exchange) }) {
                return
            }
            return try await CallRouter.refuse(
                exchange,
                CallError(.notFound, "There is nothing at '\(exchange.request.path)'")
            )
        }
        if try await freestyle.route(exchange, from: caller) { return }
        if try await e2b.route(exchange, from: caller) { return }
        try await e2b.refuse(exchange, from: caller)
    }

    /// Who asks; nil when nobody knows the key.
    private func caller(of exchange: Exchange, _ trust: Trust) async throws -> Caller? {
        switch trust {
        case .everyone: return .local
        case .keys(let keys):
            guard let key = exchange.request.headers.apiKey else { return nil }
            return try await keys.find(key).map { .owner($0.owner, key: $0) }
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
