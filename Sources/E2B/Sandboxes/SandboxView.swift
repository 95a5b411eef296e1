import Egress
import FoundationEssentials
import Linux
import Machines
import Sandboxes
import Wire

/// How a sandbox of ours looks to E2B's clients.
struct SandboxView: Sendable {
    /// The version of E2B's agent that ours does the work of; below 0.6.4 the clients switch features off.
    static let agentVersion = "0.6.13"
    /// A relic that every answer must have.
    static let clientID = "martlet"
    /// Every sandbox of theirs ends some time; one of ours that does not, in a hundred years.
    static let endless: TimeInterval = 100 * 365 * 86_400

    let record: SandboxRecord
    let state: SandboxState
    let manifest: TemplateManifest
    let token: String
    /// Where the sandbox's own host names are, when they are anywhere: `e2b.localhost:8443`.
    let domain: String?

    init(_ sandbox: Sandbox, domain: String?) {
        record = sandbox.record
        state = sandbox.condition ?? .running
        manifest = sandbox.template
        token = sandbox.token.exposed { $0 }
        self.domain = domain
    }

    /// Of one that is paused: when that was.
    private var endAt: Timestamp {
        if state == .paused, let saved = record.saved { return Timestamp(saved.at) }
        return Timestamp(record.ends ?? record.created.addingTimeInterval(Self.endless))
    }

    var sandbox: SandboxModel {
        SandboxModel(
            templateID: record.template,
            sandboxID: record.id,
            clientID: Self.clientID,
            envdVersion: Self.agentVersion,
            alias: record.template,
            envdAccessToken: token,
            trafficAccessToken: record.trafficToken,
            domain: domain
        )
    }

    var listed: ListedSandbox {
        ListedSandbox(
            templateID: record.template,
            alias: record.template,
            sandboxID: record.id,
            clientID: Self.clientID,
            startedAt: Timestamp(record.created),
            endAt: endAt,
            cpuCount: manifest.shape.processors,
            memoryMB: manifest.shape.memoryMiB,
            diskSizeMB: manifest.diskMiB,
            metadata: record.metadata,
            state: state,
            envdVersion: Self.agentVersion,
            volumeMounts: volumeMounts
        )
    }

    var detail: SandboxDetail {
        SandboxDetail(
            templateID: record.template,
            alias: record.template,
            sandboxID: record.id,
            clientID: Self.clientID,
            startedAt: Timestamp(record.created),
            endAt: endAt,
            envdVersion: Self.agentVersion,
            envdAccessToken: token,
            allowInternetAccess: record.egressPolicy.allowsOthers,
            domain: domain,
            cpuCount: manifest.shape.processors,
            memoryMB: manifest.shape.memoryMiB,
            diskSizeMB: manifest.diskMiB,
            metadata: record.metadata,
            state: state,
            network: network,
            lifecycle: LifecycleModel(
                autoResume: record.lifecycle.resumesOnTraffic,
                onTimeout: record.lifecycle.onTimeout.rawValue
            ),
            pauseMode: state == .paused ? (record.saved?.hasMemory == false ? "filesystem" : "full") : nil,
            volumeMounts: volumeMounts
        )
    }

    private var volumeMounts: [VolumeWish] { record.volumes.map { VolumeWish(name: $0.name, path: $0.path) } }

    private var network: NetworkModel {
        let ingress = record.ingress ?? IngressPolicy()
        let (allowed, denied) = record.egressPolicy.lists
        return NetworkModel(
            allowPublicTraffic: ingress.allowsPublicTraffic,
            allowOut: allowed.isEmpty ? nil : allowed,
            denyOut: denied.isEmpty ? nil : denied,
            maskRequestHost: ingress.maskedHost,
            httpsPorts: ingress.tlsPorts.isEmpty ? nil : ingress.tlsPorts.sorted().map(Int.init)
        )
    }
}
