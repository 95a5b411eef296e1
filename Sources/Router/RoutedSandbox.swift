import GuestLink
import Linux
import Sandboxes
import Wire

/// A running sandbox, as far as the router has to know it.
package struct RoutedSandbox: Sendable {
    package let id: String
    package var ingress = IngressPolicy()
    package var trafficToken: Secret?
    package let token: Secret
    package let link: GuestLink
    /// Returns as soon as the sandbox begins to end, or rests.
    package let waitForEnd: @Sendable () async throws -> Void
    /// Who uses it; for those that are looked up in a registry.
    private var use: SandboxUse?
    /// What is said then of a connection that was cut.
    var absence: @Sendable () -> Refusal

    package init(
        id: String,
        token: Secret,
        link: GuestLink,
        waitForEnd: @escaping @Sendable () async throws -> Void
    ) {
        self.id = id
        self.token = token
        self.link = link
        self.waitForEnd = waitForEnd
        absence = { .notFound(id) }
    }

    /// - Returns: nil when it does not run.
    init?(_ sandbox: Sandbox) {
        guard sandbox.isRunning, let stay = sandbox.stay else { return nil }
        self.init(id: sandbox.id, token: sandbox.token, link: sandbox.link) {
            _ = try await stay.ending.value()
        }
        absence = { [id] in stay.ending.current == .paused ? .paused(id) : .notFound(id) }
        use = sandbox.use
        let record = sandbox.record
        ingress = record.ingress ?? IngressPolicy()
        trafficToken = record.trafficToken.map { Secret($0) }
    }

    /// Counts it as used as long as `body` lasts.
    func using(_ body: () async throws -> Void) async throws {
        guard let use else { return try await body() }
        try await use.during(body)
    }
}

/// Where the router finds sandboxes.
package struct SandboxDirectory: Sendable {
    /// The running sandbox with exactly this id. One that rests may be woken by this.
    package let find: @Sendable (_ id: String) async throws -> RoutedSandbox?
    /// All that run.
    package let all: @Sendable () -> [RoutedSandbox]

    package init(
        find: @escaping @Sendable (_ id: String) async throws -> RoutedSandbox?,
        all: @escaping @Sendable () -> [RoutedSandbox]
    ) {
        self.find = find
        self.all = all
    }

    package init(_ sandboxes: SandboxRegistry) {
        self.init { id in
            guard let sandbox = sandboxes.sandbox(exactly: id) else { return nil }
            if !sandbox.isRunning { try await sandboxes.wakeForTraffic(sandbox) }
            guard let routed = RoutedSandbox(sandbox) else {
                throw sandbox.condition == nil ? Refusal.notFound(id) : Refusal.paused(id)
            }
            return routed
        } all: {
            sandboxes.list().compactMap { RoutedSandbox($0) }
        }
    }
}
