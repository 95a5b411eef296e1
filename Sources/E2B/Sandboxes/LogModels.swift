// What the control plane says about a sandbox's logs and measurements.

/// `LogLevel`, the least urgent first.
enum LogLevel: String, Codable, Sendable, Hashable, CaseIterable, Comparable {
    case debug, info, warn, error

    private var urgency: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    static func < (one: LogLevel, other: LogLevel) -> Bool { one.urgency < other.urgency }
}

/// `LogsDirection`.
enum LogsDirection: String, Codable, Sendable, Hashable, CaseIterable {
    case forward, backward
}

/// `SandboxLogEntry`.
struct LogEntryModel: Codable, Sendable, Hashable {
    var timestamp: Timestamp
    var message: String
    var level: LogLevel
    var fields: [String: String]
}

/// `SandboxLog`: `line` is a JSON document of its own.
struct LogLineModel: Codable, Sendable, Hashable {
    var timestamp: Timestamp
    var line: String
}

/// `SandboxLogs`.
struct LogsModel: Codable, Sendable, Hashable {
    var logs: [LogLineModel]
    var logEntries: [LogEntryModel]
}

/// `SandboxLogsV2Response`.
struct SecondLogsModel: Codable, Sendable, Hashable {
    var logs: [LogEntryModel]
}

/// `SandboxMetric`.
struct MetricModel: Codable, Sendable, Hashable {
    var timestamp: Timestamp
    var timestampUnix: Int64
    var cpuCount: Int
    var cpuUsedPct: Double
    var memUsed: Int64
    var memTotal: Int64
    var memCache: Int64
    var diskUsed: Int64
    var diskTotal: Int64
}

/// `SandboxesWithMetrics`.
struct MetricsByIDModel: Codable, Sendable, Hashable {
    var sandboxes: [String: MetricModel]
}
