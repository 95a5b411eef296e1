import Access
import Egress
import FoundationEssentials
import Linux
import Wire

/// Why a sandbox is no more.
package enum StopReason: String, Codable, Sendable, Hashable {
    /// Somebody asked for it.
    case requested
    /// Its time was over.
    case expired
    /// Its machine ended by itself: the guest powered off, or QEMU was killed.
    case machineEnded
    /// The daemon was stopped.
    case shutdown
    /// It could not be made.
    case startFailed

    /// What is said of a sandbox that ended so.
    package var sentence: String {
        switch self {
        case .requested: "it was killed"
        case .expired: "its time was over"
        case .machineEnded: "its machine ended by itself"
        case .shutdown: "the daemon was stopped"
        case .startFailed: "it could not be made"
        }
    }
}

/// What becomes of a sandbox when its time is over.
package struct Lifecycle: Codable, Sendable, Hashable {
    package enum OnTimeout: String, Codable, Sendable, Hashable {
        case kill
        case pause
    }

    package var onTimeout: OnTimeout
    /// Whether a request to a paused sandbox lets it run again.
    package var resumesOnTraffic: Bool
    private var pausesFilesOnly: Bool?
    /// After how many seconds in which nobody uses it, it is paused; nil is never.
    package var idleLimit: Double?

    /// Whether it is paused with its memory when its time is over.
    package var keepsMemory: Bool { pausesFilesOnly != true }

    package init(onTimeout: OnTimeout = .kill, resumesOnTraffic: Bool = false, keepsMemory: Bool = true) {
        self.onTimeout = onTimeout
        self.resumesOnTraffic = resumesOnTraffic
        pausesFilesOnly = keepsMemory ? nil : true
    }
}

/// What is told about a sandbox.
///
/// Written at its create, whenever its end is moved, and when it comes to rest or goes on; read by the next daemon. Members that
/// came later are optional.
package struct SandboxRecord: Codable, Sendable, Hashable {
    package var id: String
    package var template: String
    package var buildID: String
    /// The directory of its machine, below `machines/`; of the last one, when it rests.
    package var machine: String
    /// In whole microseconds, and later than that of every sandbox before it.
    package var created: Date
    package var ends: Date?
    package var metadata: [String: String]
    /// What it was made from: the template may be built anew or removed while its sandboxes go on.
    package var manifest: TemplateManifest?
    /// Nil in records of sandboxes that were made before there was one.
    package var ingress: IngressPolicy?
    /// What opens the ports of a sandbox without public traffic.
    package var trafficToken: String?
    /// The id of the API key that it was made with; nil for what local commands make.
    package var keyID: String?
    /// How long it was last asked to live, in seconds; nil means until it is killed, or that nobody knows.
    package var lifetime: Double?
    /// What was saved of it last; kept while it goes on, until something newer is there.
    package var saved: SavedState?
    /// Whether that is all there is of it.
    package var isPaused: Bool?
    /// How often it is saved while it runs, in seconds; nil is never.
    package var checkpointInterval: Double?
    private var volumesOrNone: [VolumeMount]?
    var egress: EgressPolicy?
    private var ownerName: Owner?
    private var lifecycleChoice: Lifecycle?

    package var owner: Owner { ownerName ?? .installation }
    /// What its guest is served of volumes, and nothing else is.
    package var volumes: [VolumeMount] { volumesOrNone ?? [] }
    package var lifecycle: Lifecycle { lifecycleChoice ?? Lifecycle() }
    /// What it may reach: nothing, where nobody said so.
    package var egressPolicy: EgressPolicy { egress ?? .closed }

    private enum CodingKeys: String, CodingKey {
        case id, template, buildID, machine, created, ends, metadata, manifest, ingress, trafficToken, keyID, lifetime,
            saved, isPaused, checkpointInterval, egress
        case volumesOrNone = "volumes"
        case ownerName = "owner"
        case lifecycleChoice = "lifecycle"
    }

    package init(
        id: String,
        _ request: NewSandbox,
        template: TemplateManifest,
        machine: String,
        created: Date,
        trafficToken: String?
    ) {
        self.id = id
        self.template = template.name
        buildID = template.buildID
        manifest = template
        self.machine = machine
        self.created = created
        lifetime = request.lifetime.map { $0 / .seconds(1) }
        ends = lifetime.map { created.addingTimeInterval($0) }
        metadata = request.metadata
        ingress = request.ingress
        egress = request.egress
        self.trafficToken = trafficToken
        keyID = request.keyID
        volumesOrNone = request.volumes.isEmpty ? nil : request.volumes
        ownerName = request.owner
        lifecycleChoice = request.lifecycle
        checkpointInterval = request.checkpointInterval.map { $0 / .seconds(1) }
    }

    /// One that goes on from where this one is, under its own name; what opens it is new.
    func forked(id: String, machine: String, created: Date, lifetime: Duration?) -> SandboxRecord {
        var child = self
        child.id = id
        child.machine = machine
        child.created = created
        child.lifetime = lifetime.map { $0 / .seconds(1) }
        child.ends = child.lifetime.map { created.addingTimeInterval($0) }
        // What was saved of the one is not the other's.
        child.saved = nil
        child.isPaused = nil
        child.trafficToken = trafficToken == nil ? nil : Random.hex(32)
        return child
    }
}

/// What is remembered of a sandbox that has ended.
package struct EndedSandbox: Codable, Sendable, Hashable {
    package let id: String
    package let owner: Owner
    package let template: String
    package let created: Date
    package let ended: Date
    package let reason: StopReason

    init(_ record: SandboxRecord, _ reason: StopReason, at ended: Date) {
        id = record.id
        owner = record.owner
        template = record.template
        created = record.created
        self.ended = ended
        self.reason = reason
    }
}
