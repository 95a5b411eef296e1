import Access
import Egress
import Linux
import Synchronization
import TLS
import Wire

/// The network of one sandbox, for as long as the daemon knows the sandbox; its policy is in the sandbox's record.
package final class SandboxNetwork: Sendable {
    package let egress: SandboxEgress
    package let log: NetworkLog
    private let nameLines = SandboxEgress.nameLines()
    /// Held while the policy is changed, so that record and connections end up with the same one.
    let changing = AsyncLock()
    /// Gives certificates to the sandbox's own eyes.
    let authority: @Sendable () throws -> SandboxAuthority

    init(
        _ record: SandboxRecord,
        _ settings: SandboxNetworks.Settings,
        authorityFile: String,
        note: @escaping @Sendable (EgressEvent) -> Void
    ) {
        let kept = KeptAuthority(file: authorityFile)
        authority = kept.authority
        let owner = record.owner
        let log = NetworkLog()
        self.log = log
        egress = SandboxEgress(
            sandboxID: record.id,
            policy: record.egressPolicy,
            resolver: settings.outside.resolver,
            connect: settings.outside.connect,
            opening: {
                RequestOpening(authority: try kept.authority()) { try await settings.secret(owner, $0) }
            },
            note: { event in
                log.add(event)
                note(event)
            }
        )
    }

    func carry(_ opening: TunnelOpening, _ stream: any ByteStream) async {
        await egress.carry(opening, stream, nameLines: nameLines)
    }
}

extension SandboxEgress {
    /// Serves a connection that a guest's agent carried out, until it ends; one that wants nothing of the world outside, not.
    package func carry(_ opening: TunnelOpening, _ stream: any ByteStream, nameLines: AsyncSemaphore) async {
        switch opening.kind {
        case .dns: _ = try? await nameLines.withPermitIfFree { [self] in await serveDNS(stream) }
        case .tcp:
            if let address = opening.address.flatMap({ IPAddress($0) }) {
                await carry(stream, to: .address(address), port: opening.port)
            }
        case .gateway, .volume: break
        }
    }

    /// Lines for names at once: an honest guest has a few, and each may wait long for an answer.
    package static func nameLines() -> AsyncSemaphore { AsyncSemaphore(64) }
}

/// A sandbox's authority, read or made when it is first needed.
private final class KeptAuthority: Sendable {
    private let file: String
    private let kept = Mutex<SandboxAuthority?>(nil)

    init(file: String) {
        self.file = file
    }

    func authority() throws -> SandboxAuthority {
        try kept.withLock { kept in
            if let kept { return kept }
            try Files.makeDirectory(file.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" })
            let authority = try SandboxAuthority(file: file)
            kept = authority
            return authority
        }
    }
}

/// The networks of all sandboxes of an installation.
package final class SandboxNetworks: Sendable {
    /// What holds for sandboxes of which nobody said what they may reach.
    package struct Settings: Sendable {
        package var policy: EgressPolicy
        package var outside: Outside
        /// The secrets of an owner, by name, for requests that are let out.
        package var secret: @Sendable (Owner, String) async throws -> Secret

        package init(
            policy: EgressPolicy = .closed,
            outside: Outside = .internet,
            secret: @escaping @Sendable (Owner, String) async throws -> Secret = { _, name in
                throw EgressError(.invalid, "There is no secret '\(name)'")
            }
        ) {
            self.policy = policy
            self.outside = outside
            self.secret = secret
        }
    }

    package let settings: Settings
    private let networks = Mutex<[String: SandboxNetwork]>([:])
    private let authorities: String
    private let note: @Sendable (EgressEvent) -> Void

    /// - Parameters:
    ///   - authorities: the directory of what opens sandboxes' requests.
    ///   - note: told of every decision.
    init(_ settings: Settings, authorities: String, note: @escaping @Sendable (EgressEvent) -> Void) {
        self.settings = settings
        self.authorities = authorities
        self.note = note
    }

    func authorityFile(_ name: String) -> String { "\(authorities)/\(name).pem" }

    package func network(of sandbox: Sandbox) -> SandboxNetwork {
        networks.withLock { networks in
            if let network = networks[sandbox.id] { return network }
            let record = sandbox.record
            let file = authorityFile(record.authorityName)
            let network = SandboxNetwork(record, settings, authorityFile: file, note: note)
            // Of one that ends nobody would forget it again.
            if sandbox.condition != nil { networks[sandbox.id] = network }
            return network
        }
    }

    /// Looks for the secrets that a policy's rules name, so that a misspelt one is heard of before a request fails.
    ///
    /// - Throws: ``EgressError`` for one that its owner does not have.
    package func findSecrets(of policy: EgressPolicy, owner: Owner) async throws {
        for name in policy.secrets.sorted() {
            do {
                _ = try await settings.secret(owner, name)
            } catch {
                throw EgressError(
                    .invalid,
                    "There is no secret '\(name)'; store it with 'martlet secret set \(name)'"
                )
            }
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
        try await network.changing.withLock { [self, records, audits] in
            if policy.opensRequests, !sandbox.record.egressPolicy.opensRequests {
                guard sandbox.isRunning else {
                    throw SandboxError(.paused, "The sandbox '\(sandbox.id)' is paused; rules are set while it runs")
                }
                try await introduceAuthority(to: sandbox, for: policy)
            }
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
        self.init(
            allow: targets(.allow),
            deny: targets(.deny),
            allowsOthers: policy.fallback == .allow,
            headers: policy.headerRules?.map(\.description),
            git: policy.gitRules?.map(\.description)
        )
    }
}
