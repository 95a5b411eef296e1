import FoundationEssentials

/// Whether a sandbox can be used at once.
public enum SandboxState: String, Codable, Sendable, Hashable, CaseIterable {
    case running
    case paused
}

/// A sandbox, as its users see it.
public struct SandboxInfo: Codable, Sendable, Hashable {
    public var id: String
    public var template: String
    public var created: Date
    /// When it will be ended; nil when only a request ends it.
    public var ends: Date?
    public var metadata: [String: String]
    public var processors: Int
    public var memoryMiB: Int
    public var isolation: String
    /// The QEMU process on the host; 0 when the sandbox is paused.
    public var processID: Int32
    /// Nil where the daemon is older than this; its sandboxes run.
    public var state: SandboxState?
    /// When it was last paused: what it goes back to if its machine is lost. Nil when it never was.
    public var saved: Date?

    public init(
        id: String,
        template: String,
        created: Date,
        ends: Date?,
        metadata: [String: String],
        processors: Int,
        memoryMiB: Int,
        isolation: String,
        processID: Int32,
        state: SandboxState? = .running,
        saved: Date? = nil
    ) {
        self.id = id
        self.template = template
        self.created = created
        self.ends = ends
        self.metadata = metadata
        self.processors = processors
        self.memoryMiB = memoryMiB
        self.isolation = isolation
        self.processID = processID
        self.state = state
        self.saved = saved
    }
}

/// Makes a sandbox.
public enum CreateSandbox: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/Create"
    public typealias Response = SandboxInfo

    public struct Request: Codable, Sendable, Hashable {
        public var template: String
        public var environment: [String: String]
        public var metadata: [String: String]
        /// Seconds until it is ended; nil means never.
        public var lifetime: Double?
        /// Whether it is paused and not ended when that time is over.
        public var pausesOnTimeout: Bool?
        /// Whether a request to it lets it go on when it is paused.
        public var resumesOnTraffic: Bool?
        /// Seconds after which it is paused when nobody has used it: no client, no command that computed, and no agent in it that
        /// waited for its model. Nil means never.
        public var idleLimit: Double?
        /// Seconds between two times at which it is saved while it runs; nil means never.
        public var checkpointInterval: Double?
        /// The volumes that are seen in it.
        public var volumes: [VolumeWish]?
        /// What it may reach: names, `*.` names, addresses, ranges, each perhaps with `:port`; with any, all else is denied.
        public var allow: [String]?
        /// What it may not reach, where it is not allowed.
        public var deny: [String]?
        /// Fields that are set in its requests, and with which values, as in `api.example.com Authorization: Bearer ${secret:example}`.
        /// It may reach the hosts that they name.
        public var headers: [String]?
        /// The repositories that git in it may use, as in `https://github.com/me/repo push=agent/* secret=github`: read, pushed to at
        /// the branches that are named, with the secret as a credential that the sandbox does not have.
        public var git: [String]?

        public init(
            template: String,
            environment: [String: String] = [:],
            metadata: [String: String] = [:],
            lifetime: Double? = nil,
            pausesOnTimeout: Bool? = nil,
            resumesOnTraffic: Bool? = nil,
            idleLimit: Double? = nil,
            checkpointInterval: Double? = nil,
            volumes: [VolumeWish]? = nil,
            allow: [String]? = nil,
            deny: [String]? = nil,
            headers: [String]? = nil,
            git: [String]? = nil
        ) {
            self.template = template
            self.environment = environment
            self.metadata = metadata
            self.lifetime = lifetime
            self.pausesOnTimeout = pausesOnTimeout
            self.resumesOnTraffic = resumesOnTraffic
            self.idleLimit = idleLimit
            self.checkpointInterval = checkpointInterval
            self.volumes = volumes
            self.allow = allow
            self.deny = deny
            self.headers = headers
            self.git = git
        }
    }
}

/// Names a sandbox: its id, or enough of its beginning.
public struct SandboxReference: Codable, Sendable, Hashable {
    public var id: String
    public init(id: String) { self.id = id }
}

/// Tells about one sandbox.
public enum GetSandbox: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/Get"
    public typealias Request = SandboxReference
    public typealias Response = SandboxInfo
}

/// Lists the sandboxes, those that are paused as well, the oldest first.
public enum ListSandboxes: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/List"
    public typealias Request = Empty

    public struct Response: Codable, Sendable, Hashable {
        public var sandboxes: [SandboxInfo]
        public init(sandboxes: [SandboxInfo]) { self.sandboxes = sandboxes }
    }
}

/// Ends a sandbox; answered when nothing is left of it.
public enum KillSandbox: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/Kill"
    public typealias Request = SandboxReference
    public typealias Response = Empty
}

/// Moves the moment when a sandbox is ended.
public enum SetSandboxLifetime: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/SetLifetime"
    public typealias Response = SandboxInfo

    public struct Request: Codable, Sendable, Hashable {
        public var id: String
        /// Seconds from now; zero ends it at once, nil leaves it to a request.
        public var lifetime: Double?

        public init(id: String, lifetime: Double?) {
            self.id = id
            self.lifetime = lifetime
        }
    }
}

/// Makes sandboxes that go on from where a running one is, while it goes on, too.
///
/// Each child is made or fails by itself.
public enum ForkSandbox: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/Fork"

    public struct Request: Codable, Sendable, Hashable {
        public var id: String
        /// 1 to 100.
        public var count: Int
        /// Seconds until each child is ended; nil means never.
        public var lifetime: Double?

        public init(id: String, count: Int = 1, lifetime: Double? = nil) {
            self.id = id
            self.count = count
            self.lifetime = lifetime
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var sandboxes: [SandboxInfo]
        /// Why the others could not be made, one sentence each.
        public var failures: [String]
        /// For how long the parent's machine stood still.
        public var pauseMilliseconds: Double
        /// For how long the parent's processes did, that included.
        public var holdMilliseconds: Double

        public init(
            sandboxes: [SandboxInfo],
            failures: [String],
            pauseMilliseconds: Double,
            holdMilliseconds: Double
        ) {
            self.sandboxes = sandboxes
            self.failures = failures
            self.pauseMilliseconds = pauseMilliseconds
            self.holdMilliseconds = holdMilliseconds
        }
    }
}

/// Reads what programs in a sandbox did and wrote, the oldest first; see ``ReadJournal``. The whole id of one that has ended
/// gives what is kept of it.
public enum ReadSandboxLogs: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/Logs"

    public struct Request: Codable, Sendable, Hashable {
        /// How many entries are given when nothing else is asked for.
        public static let defaultLimit = 1000

        public var id: String
        /// Only entries with a higher sequence.
        public var after: UInt64
        public var limit: Int

        public init(id: String, after: UInt64 = 0, limit: Int = defaultLimit) {
            self.id = id
            self.after = after
            self.limit = limit
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var entries: [JournalEntry]
        /// Whether nothing will be added.
        public var hasEnded: Bool

        public init(entries: [JournalEntry], hasEnded: Bool) {
            self.entries = entries
            self.hasEnded = hasEnded
        }
    }
}

/// Reads what a sandbox used, sampled every few seconds, the oldest first; see ``ReadMetrics``.
public enum ReadSandboxMetrics: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/Metrics"
    public typealias Request = SandboxReference

    public struct Response: Codable, Sendable, Hashable {
        public var samples: [MetricSample]
        public init(samples: [MetricSample]) { self.samples = samples }
    }
}

/// Gives the last of what a sandbox wrote to its console.
public enum ReadConsole: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/Console"
    public typealias Request = SandboxReference

    public struct Response: Codable, Sendable, Hashable {
        public var text: String
        public init(text: String) { self.text = text }
    }
}

/// Headers that send a request through the daemon to a sandbox's guest, as E2B's clients set them.
public enum SandboxHeaders {
    public static let id = "E2b-Sandbox-Id"
    public static let port = "E2b-Sandbox-Port"
    /// Carries the token that opens the ports of a sandbox without public traffic.
    public static let trafficToken = "e2b-traffic-access-token"
}
