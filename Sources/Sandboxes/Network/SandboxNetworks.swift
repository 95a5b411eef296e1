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

    init(
        _ record: SandboxRecord,
        _ settings: SandboxNetworks.Settings,
        authority: @escaping @Sendable () throws -> SandboxAuthority,
        note: @escaping @Sendable (EgressEvent) -> Void
    ) {
        let kept = KeptAuthority(authority)
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
    private let find: @Sendable () throws -> SandboxAuthority
    private let kept = Mutex<SandboxAuthority?>(nil)

    init(_ find: @escaping @Sendable () throws -> SandboxAuthority) {
        self.find = find
    }

    func authority() throws -> SandboxAuthority {
        try kept.withLock { kept in
            if let kept { return kept }
            let authority = try find()
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
    private let making = Mutex(())
    private let note: @Sendable (EgressEvent) -> Void

    /// - Parameters:
    ///   - authorities: the directory of what opens sandboxes' requests.
    ///   - note: told of every decision.
    init(_ settings: Settings, authorities: String, note: @escaping @Sendable (EgressEvent) -> Void) {
        self.settings = settings
        self.authorities = authorities
        self.note = note
    }

    private func authorityFile(_ id: String) -> String { "\(authorities)/\(id).pem" }

    /// The authority of a sandbox; one that there is not yet is made.
    ///
    /// - Parameter parent: the sandbox that it is a fork of, while it is being made.
    func authority(of id: String, below parent: String? = nil) throws -> SandboxAuthority {
        // Two who make the first at once would each have their own.
        try making.withLock { _ in
            try Files.makeDirectory(authorities)
            return try SandboxAuthority(file: authorityFile(id), below: parent.map { authorityFile($0) })
        }
    }

    func removeAuthority(of id: String) {
        try? Files.remove(authorityFile(id))
    }

    /// Removes what a crash left of sandboxes that are no more.
    func sweepAuthorities(keeping ids: Set<String>) {
        for name in Files.list(authorities) where name.hasSuffix(".pem") && !ids.contains(String(name.dropLast(4))) {
            try? Files.remove("\(authorities)/\(name)")
        }
    }

    package func network(of sandbox: Sandbox) -> SandboxNetwork {
        networks.withLock { networks in
            if let network = networks[sandbox.id] { return network }
            let record = sandbox.record
            let network = SandboxNetwork(record, settings, authority: { try self.authority(of: record.id) }, note: note)
            // Of one that ends nobody would forget it again.
            if sandbox.condition != nil { networks[sandbox.id] = network }
            return network
        }
    }

    /// Looks for the secrets that a policy's rules name, so that a misspelt one is heard of before a request fails.
    ///
    /// - Throws: ``EgressError`` for one that its owner does not have.
    package func findSecrets(of policy: EgressPolicy, owner: Owner) async throws {
        try await findSecrets(policy.secrets, owner: owner)
    }

    /// The same for secrets that something else names.
    package func findSecrets(_ names: Set<String>, owner: Owner) async throws {
        for name in names.sorted() {
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
        try await network.changing.withLock { [self] in
            guard policy.opensRequests else { return try await put(policy, network, sandbox) }
            // One that rests is told whom to trust when it goes on.
            try await sandbox.turning.withLock {
                if sandbox.isRunning { try await introduceAuthority(of: sandbox.id, for: policy, over: sandbox.link) }
                try await put(policy, network, sandbox)
            }
        }
    }

    private func put(_ policy: EgressPolicy, _ network: SandboxNetwork, _ sandbox: Sandbox) async throws {
        guard sandbox.setEgress(policy) else {
            throw SandboxError(.ended, "The sandbox '\(sandbox.id)' is ending")
        }
        network.egress.policy = policy
        audits.note(sandbox.id, "network.policy", NetworkPolicy(policy).audit)
        try await records.update(sandbox)
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
