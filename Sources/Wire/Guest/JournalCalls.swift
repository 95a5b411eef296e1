import FoundationEssentials

/// Something that happened in a guest.
public struct JournalEntry: Codable, Sendable, Hashable {
    public enum Kind: String, Codable, Sendable, Hashable {
        /// A command was started; `text` is its command line.
        case started
        /// A command wrote a line to standard output, or to its terminal.
        case output
        /// A command wrote a line to standard error.
        case error
        /// A command ended; `text` is its status in words, as in `exit status 3`.
        case ended
        /// The kernel has ended a process because the guest had no memory left; `text` says which.
        case outOfMemory
    }

    /// Counts from 1 without gaps; a gap in what is read tells that entries were dropped.
    public var sequence: UInt64
    public var time: Date
    public var kind: Kind
    public var pid: UInt32
    /// One line, without its end, cut at 8 KiB.
    public var text: String

    public init(sequence: UInt64, time: Date, kind: Kind, pid: UInt32, text: String) {
        self.sequence = sequence
        self.time = time
        self.kind = kind
        self.pid = pid
        self.text = text
    }
}

/// Reads what happened in the guest, the oldest first. For the host only.
///
/// The guest keeps a bounded number of entries, the newest; an identity (`POST /init`) empties the journal.
public enum ReadJournal: UnaryCall {
    public static let name = "martlet.guest.v1.Journal/Read"

    public struct Request: Codable, Sendable, Hashable {
        /// Only entries with a higher sequence.
        public var after: UInt64
        public var limit: Int

        public init(after: UInt64, limit: Int = 1000) {
            self.after = after
            self.limit = limit
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var entries: [JournalEntry]
        public init(entries: [JournalEntry]) { self.entries = entries }
    }
}

/// What a guest uses at one moment, as `GET /metrics` of E2B's envd tells it.
public struct MetricSample: Codable, Sendable, Hashable {
    public var time: Date
    public var processors: Int
    /// Of all processors together: 100 is one of them.
    public var processorPercent: Double
    public var memoryUsed: Int64
    public var memoryTotal: Int64
    public var memoryCached: Int64
    public var diskUsed: Int64
    public var diskTotal: Int64

    public init(
        time: Date,
        processors: Int,
        processorPercent: Double,
        memoryUsed: Int64,
        memoryTotal: Int64,
        memoryCached: Int64,
        diskUsed: Int64,
        diskTotal: Int64
    ) {
        self.time = time
        self.processors = processors
        self.processorPercent = processorPercent
        self.memoryUsed = memoryUsed
        self.memoryTotal = memoryTotal
        self.memoryCached = memoryCached
        self.diskUsed = diskUsed
        self.diskTotal = diskTotal
    }
}

/// Reads the samples that the guest takes of itself every five seconds, the oldest first. For the host only.
///
/// The guest keeps a bounded number of samples, the newest; an identity (`POST /init`) empties the list and takes the first.
public enum ReadMetrics: UnaryCall {
    public static let name = "martlet.guest.v1.Metrics/Read"
    public typealias Request = Empty

    public struct Response: Codable, Sendable, Hashable {
        public var samples: [MetricSample]
        public init(samples: [MetricSample]) { self.samples = samples }
    }
}
