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
    var state: State { .running }

    // MARK: Documents

    /// As the current API tells it.
    var document: JSONValue {
        let manifest = sandbox.template
        let created = sandbox.record.created
        let limits = record.limits
        return .object([
            "id": .string(id), "state": .string(state.rawValue), "slug": .text(record.slug),
            "displayName": .text(record.displayName),
            "resources": [
                "cpu": .integer(Int64(manifest.shape.processors)), "memory": .integer(Int64(manifest.shape.memoryMiB)),
                "storage": .integer(Int64(manifest.diskMiB)),
            ],
            "snapshotId": .string(record.snapshot), "image": .string(manifest.name),
            "metadata": .object(record.metadata.mapValues { .string($0) }),
            // A sandbox has no address of its own outside: it is reached through the daemon.
            "publicIpv6": .null, "egressIpv4": .null, "egressIpv6": .null, "networks": [], "vpcs": [],
            "idleTimeoutSeconds": .number(limits.idleTimeout), "autoDeleteSeconds": .number(limits.autoDelete),
            "ttlSeconds": .number(limits.ttl), "maxRunSeconds": .number(limits.maxRun),
            "maxRunTotalSeconds": .number(limits.maxRunTotal), "automaticRestart": .bool(limits.automaticRestart),
            "totalRunSeconds": .integer(Int64(max(0, Date().timeIntervalSince(created)))),
            "lastNetworkActivity": lastActivity.map { .time($0) } ?? .null, "placement": .null,
            "createdAt": .time(created), "updatedAt": .time(record.updated),
        ])
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
            "rootfsSizeGb": .number(Double(sandbox.template.diskMiB) / 1024), "domains": [], "consoleUrl": .null,
        ])
    }
}

extension JSONValue {
    static func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

    static func number(_ number: Int64?) -> JSONValue { number.map { .integer($0) } ?? .null }

    /// RFC 3339 in UTC, to the millisecond.
    static func time(_ date: Date) -> JSONValue {
        .string(date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    }
}
