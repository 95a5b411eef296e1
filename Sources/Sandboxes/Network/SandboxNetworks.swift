import Egress
import Linux
import Synchronization
import Wire

/// The network of one sandbox, for as long as the daemon knows the sandbox; its policy is in the sandbox's record.
package final class SandboxNetwork: Sendable {
    package let egress: SandboxEgress
    package let log: NetworkLog
    /// Lines for names: an honest guest has a few, and each may wait long for an answer.
    private let nameLines = AsyncSemaphore(64)
    /// Held while the policy is changed, so that record and connections end up with the same one.
    let changing = AsyncLock()

    init(_ record: SandboxRecord, _ outside: Outside, note: @escaping @Sendable (EgressEvent) -> Void) {
        let log = NetworkLog()
        self.log = log
        egress = SandboxEgress(
            sandboxID: record.id,
            policy: record.egressPolicy,
            resolver: outside.resolver,
            connect: outside.connect,
            note: { event in
                log.add(event)
                note(event)
            }
        )
    }

    /// Serves a connection that a guest's agent carried out, until it ends.
    func carry(_ opening: TunnelOpening, _ stream: any ByteStream) async {
        switch opening.kind {
        case .dns: _ = try? await nameLines.withPermitIfFree { [egress] in await egress.serveDNS(stream) }
        case .tcp:
            if let address = opening.address.flatMap({ IPAddress($0) }) {
                await egress.carry(stream, to: .address(address), port: opening.port)
            }
        case .gateway: break
        }
    }
}

/// The networks of all sandboxes of an installation.
package final class SandboxNetworks: Sendable {
    /// What holds for sandboxes of which nobody said what they may reach.
    package struct Settings: Sendable {
        package var policy: EgressPolicy
        package var outside: Outside

        package init(policy: EgressPolicy = .closed, outside: Outside = .internet) {
            self.policy = policy
            self.outside = outside
        }
    }

    package let settings: Settings
    private let networks = Mutex<[String: SandboxNetwork]>([:])
    private let note: @Sendable (EgressEvent) -> Void

    /// - Parameter note: told of every decision.
    init(_ settings: Settings, note: @escaping @Sendable (EgressEvent) -> Void) {
        self.settings = settings
        self.note = note
    }

    package func network(of sandbox: Sandbox) -> SandboxNetwork {
        networks.withLock { networks in
            if let network = networks[sandbox.id] { return network }
            let network = SandboxNetwork(sandbox.record, settings.outside, note: note)
            // Of one that ends nobody would forget it again.
            if sandbox.condition != nil { networks[sandbox.id] = network }
            return network
        }
    }

    /// Forgets a sandbox that has ended; its log stays with whoever holds it.
    func remove(_ id: String) {
        networks.withLock { $0.removeValue(forKey: id) }?.egress.close()
    }
}

extension SandboxRegistry {
    /// Changes what a sandbox may reach; connections that are no longer allowed end.
    package func setEgress(_ policy: EgressPolicy, of sandbox: Sandbox) async throws {
        let network = networks.network(of: sandbox)
        try await network.changing.withLock { [records, audits] in
            guard sandbox.setEgress(policy) else {
                throw SandboxError(.ended, "The sandbox '\(sandbox.id)' is ending")
            }
            network.egress.policy = policy
            audits.note(sandbox.id, "network.policy", NetworkPolicy(policy).audit)
            try await records.update(sandbox)
        }
    }
}

extension NetworkPolicy {
    package init(_ policy: EgressPolicy) {
        func targets(_ action: EgressPolicy.Action) -> [String] {
            policy.rules.filter { $0.action == action }.map(\.target.description)
        }
        self.init(allow: targets(.allow), deny: targets(.deny), allowsOthers: policy.fallback == .allow)
    }
}
