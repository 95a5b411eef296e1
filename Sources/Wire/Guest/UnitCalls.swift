import FoundationEssentials

// Units: programs that the guest's agent starts, watches and starts again, as systemd would, which a guest does not have. They
// live in the guest: a pause, a fork or a daemon that starts again does not concern them. For the host only.

/// What a unit is, in systemd's words.
public struct Unit: Codable, Sendable, Hashable {
    public enum Kind: String, Codable, Sendable, Hashable {
        /// A program that is to run.
        case service
        /// Commands that are to have been run.
        case oneshot
    }

    /// Letters, digits, `-`, `_`, `.` and `@`; without `.service`.
    public var name: String
    public var kind: Kind
    /// Lines for the shell. They run one after the other until one fails; a service's last is the service.
    public var commands: [String]
    public var environment: [String: String]
    /// Root when absent.
    public var user: String?
    /// The user's own when absent.
    public var group: String?
    /// `/` when absent.
    public var directory: String?
    /// Units that have started, or failed to, before this one starts; what is not there is passed over.
    public var after: [String]
    /// Units that are started before this one, which does not start without them and stops with them.
    public var requires: [String]
    /// Units that are started when this one has failed.
    public var onFailure: [String]
    /// Whether it starts with the machine.
    public var isEnabled: Bool
    /// How long its start may take, in seconds.
    public var startLimit: Double?
    /// Whether a oneshot that succeeded is forgotten.
    public var isForgottenAfterSuccess: Bool
    /// Whether a oneshot that succeeded counts as running.
    public var remainsActive: Bool
    /// Whether it says itself when it has started: `READY=1` to `NOTIFY_SOCKET`, as `sd_notify` does.
    public var tellsReady: Bool
    /// It is killed when it did not say `WATCHDOG=1` for so many seconds.
    public var watchdog: Double?
    public var restart: RestartRule

    public init(_ name: String, _ kind: Kind = .service, commands: [String]) {
        self.name = name
        self.kind = kind
        self.commands = commands
        environment = [:]
        after = []
        requires = []
        onFailure = []
        isEnabled = true
        isForgottenAfterSuccess = false
        remainsActive = false
        tellsReady = false
        restart = RestartRule()
    }
}

/// When a unit that has ended by itself is started again.
public struct RestartRule: Codable, Sendable, Hashable {
    public enum Policy: String, Codable, Sendable, Hashable, CaseIterable {
        case never = "no"
        case always
        case onSuccess = "on-success"
        /// After a status other than 0, a signal, a start that took too long, or a watchdog.
        case onFailure = "on-failure"
        /// As ``onFailure``, but not after a status.
        case onAbnormal = "on-abnormal"
        /// After a signal that it did not ask for.
        case onAbort = "on-abort"
        case onWatchdog = "on-watchdog"
    }

    public var policy = Policy.never
    /// In seconds.
    public var pause = 0.1
    /// So many starts within ``interval`` seconds, and it has failed for good; 0 is no limit.
    public var burst = 5
    public var interval = 10.0

    public init() {}
}

/// How a unit is.
public struct UnitStatus: Codable, Sendable, Hashable {
    /// As `systemctl show` says it.
    public enum State: String, Codable, Sendable, Hashable {
        case inactive, activating, active, deactivating, failed
    }

    public var unit: Unit
    public var state: State
    /// As `systemctl show` says it: `dead`, `start`, `running`, `exited`, `auto-restart`, `stop`, `failed`.
    public var detail: String
    /// Of the program that runs now.
    public var pid: UInt32?
    /// Of the last program that ended; 128 and the signal's number for one that a signal ended.
    public var exitCode: Int32?
    /// Since it was started by somebody.
    public var restarts: Int
    /// Since when it is as it is.
    public var since: Date
    /// Why it has failed: a whole sentence.
    public var reason: String?

    public init(
        unit: Unit,
        state: State,
        detail: String,
        pid: UInt32? = nil,
        exitCode: Int32? = nil,
        restarts: Int = 0,
        since: Date,
        reason: String? = nil
    ) {
        self.unit = unit
        self.state = state
        self.detail = detail
        self.pid = pid
        self.exitCode = exitCode
        self.restarts = restarts
        self.since = since
        self.reason = reason
    }
}

/// A line that a unit wrote.
public struct UnitLogLine: Codable, Sendable, Hashable {
    public enum Source: String, Codable, Sendable, Hashable {
        case output, error
        /// The agent's own words about the unit.
        case agent
    }

    public var time: Date
    public var source: Source
    /// Without its end, cut at 8 KiB.
    public var text: String

    public init(time: Date, source: Source, text: String) {
        self.time = time
        self.source = source
        self.text = text
    }
}

/// Puts units there, in the place of those that are called the same; what runs is not touched until its next start.
public enum PutUnits: UnaryCall {
    public static let name = "martlet.guest.v1.Units/Put"
    public typealias Response = Empty

    public struct Request: Codable, Sendable, Hashable {
        public var units: [Unit]
        public init(units: [Unit]) { self.units = units }
    }
}

/// How units are: those that are named, or all, in the order of their names.
public enum ListUnits: UnaryCall {
    public static let name = "martlet.guest.v1.Units/List"

    public struct Request: Codable, Sendable, Hashable {
        public var names: [String]?
        public init(names: [String]? = nil) { self.names = names }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var units: [UnitStatus]
        public init(units: [UnitStatus]) { self.units = units }
    }
}

/// Starts, stops or restarts units, and tells how those are that were named.
public enum ControlUnits: UnaryCall {
    public static let name = "martlet.guest.v1.Units/Control"
    public typealias Response = ListUnits.Response

    public enum Verb: String, Codable, Sendable, Hashable {
        case start, stop, restart
    }

    public struct Request: Codable, Sendable, Hashable {
        public var verb: Verb
        /// When absent, those that start with the machine.
        public var names: [String]?
        /// How long the answer waits for starts to come to an end, in seconds. A stop is always waited for.
        public var patience: Double

        public init(_ verb: Verb, _ names: [String]? = nil, patience: Double = 0) {
            self.verb = verb
            self.names = names
            self.patience = patience
        }
    }
}

/// Stops a unit and forgets it.
public enum RemoveUnit: UnaryCall {
    public static let name = "martlet.guest.v1.Units/Remove"
    public typealias Response = Empty

    public struct Request: Codable, Sendable, Hashable {
        public var name: String
        public init(name: String) { self.name = name }
    }
}

/// Reads the last lines that a unit wrote, the oldest first. The guest keeps a bounded number, the newest.
public enum ReadUnitLog: UnaryCall {
    public static let name = "martlet.guest.v1.Units/ReadLog"

    public struct Request: Codable, Sendable, Hashable {
        public var name: String
        public var lines: Int
        /// Only what was written from then on.
        public var since: Date?

        public init(name: String, lines: Int = 1000, since: Date? = nil) {
            self.name = name
            self.lines = lines
            self.since = since
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var lines: [UnitLogLine]
        public init(lines: [UnitLogLine]) { self.lines = lines }
    }
}

/// Brings a machine to a stop, as switching it off would, but for what is in its memory: units are stopped, other programs are
/// killed, and what was written is on the disk. The services of its template go on.
public enum HaltPrograms: UnaryCall {
    public static let name = "martlet.guest.v1.Units/Halt"
    public typealias Request = Empty
    public typealias Response = Empty
}
