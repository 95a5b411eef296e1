import FoundationEssentials
import GuestLink
import Machines
import Sandboxes
import Wire

/// One machine: a sandbox, and what this API knows of it.
struct VM: Sendable {
    enum State: String, Sendable, Hashable, CaseIterable {
        case starting, running, pausing, paused, stopped

        /// What the first version calls it.
        var firstName: String {
            switch self {
            case .starting: "starting"
            case .running: "running"
            case .pausing: "suspending"
            case .paused: "suspended"
            case .stopped: "stopped"
            }
        }
    }

    let sandbox: Sandbox
    let record: VMRecord
    /// When a client last asked for something of it.
    let lastActivity: Date?

    var id: String { sandbox.id }
    var link: GuestLink { sandbox.link }
    let state: State
    /// Below which its ports have names; nil where they have none that everybody can look up.
    let domain: String?

    // MARK: Documents

    var resources: JSONValue {
        let manifest = sandbox.template
        return [
            "cpu": .integer(Int64(manifest.shape.processors)), "memory": .integer(Int64(manifest.shape.memoryMiB)),
            "storage": .integer(Int64(manifest.diskMiB)),
        ]
    }

    /// As the current API tells it.
    var document: JSONValue {
        let created = sandbox.record.created
        let limits = record.limits
        return .object([
            "id": .string(id), "state": .string(state.rawValue), "slug": .text(record.slug),
            "displayName": .text(record.displayName), "resources": resources, "snapshotId": .string(record.snapshot),
            "image": .string(sandbox.template.name), "metadata": .object(record.metadata.mapValues { .string($0) }),
            // A sandbox has no address of its own outside: it is reached through the daemon.
            "publicIpv6": .null, "egressIpv4": .null, "egressIpv6": .null, "networks": [], "vpcs": [],
            "idleTimeoutSeconds": .number(limits.idleTimeout), "autoDeleteSeconds": .number(limits.autoDelete),
            "ttlSeconds": .number(limits.ttl), "maxRunSeconds": .number(limits.maxRun),
            "maxRunTotalSeconds": .number(limits.maxRunTotal), "automaticRestart": .bool(limits.automaticRestart),
            "totalRunSeconds": .integer(Int64(record.runSeconds(at: Date(), isRunning: state == .running))),
            "lastNetworkActivity": lastActivity.map { .time($0) } ?? .null, "placement": .null,
            "createdAt": .time(created), "updatedAt": .time(record.updated),
        ])
    }

    /// The name of the port that HTTPS is meant for.
    private var domains: JSONValue {
        guard let domain else { return [] }
        return [.string("\(record.targetPort ?? 3000)-\(id).\(domain)")]
    }

    /// As the first version tells it.
    var firstDocument: JSONValue {
        .object([
            "id": .string(id), "vmId": .string(id), "state": .string(state.firstName),
            "createdAt": .time(sandbox.record.created), "lastNetworkActivity": lastActivity.map { .time($0) } ?? .null,
            "snapshotId": .string(record.snapshot), "name": .text(record.displayName ?? record.slug),
            "idleTimeoutSeconds": .number(record.limits.idleTimeout),
            "vcpuCount": .integer(Int64(sandbox.template.shape.processors)),
            "memSizeGb": .number(Double(sandbox.template.shape.memoryMiB) / 1024),
            "rootfsSizeGb": .number(Double(sandbox.template.diskMiB) / 1024), "domains": domains, "consoleUrl": .null,
        ])
    }
}
