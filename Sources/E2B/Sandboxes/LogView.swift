import FoundationEssentials
import Wire

/// How what happened in a sandbox looks to E2B's clients.
struct LogView: Sendable {
    let entry: JournalEntry

    var model: LogEntryModel {
        LogEntryModel(timestamp: Timestamp(entry.time), message: message, level: level, fields: fields)
    }

    /// The form of the API's first version: the same as a JSON document in a string.
    var line: LogLineModel {
        var members = fields
        members["message"] = message
        members["level"] = level.rawValue
        members["timestamp"] = Timestamp(entry.time).text
        return LogLineModel(
            timestamp: Timestamp(entry.time),
            line: JSONValue.object(members.mapValues { .string($0) }).text()
        )
    }

    private var message: String {
        switch entry.kind {
        case .started: "Process started: \(entry.text)"
        case .ended: "Process ended: \(entry.text)"
        case .output, .error, .outOfMemory: entry.text
        }
    }

    /// What goes to standard error is worth a look and no more: many programs report their progress there.
    private var level: LogLevel {
        switch entry.kind {
        case .started, .output: .info
        case .error: .warn
        case .ended: entry.text == "exit status 0" ? .info : .error
        case .outOfMemory: .error
        }
    }

    private var fields: [String: String] {
        let type =
            switch entry.kind {
            case .started: "process_start"
            case .output: "stdout"
            case .error: "stderr"
            case .ended: "process_end"
            case .outOfMemory: "out_of_memory"
            }
        return ["logger": "process", "event_type": type, "pid": String(entry.pid), "sequence": String(entry.sequence)]
    }
}

/// Which entries of a log are asked for.
struct LogQuery: Sendable {
    static let largestPage = 1000

    private let cursor: Int64?
    private let direction: LogsDirection
    private let limit: Int
    private let level: LogLevel
    private let search: String?

    /// The first version's: from `start` on, in milliseconds.
    init(first query: Query) throws {
        cursor = try query.integer("start")
        direction = .forward
        limit = try Self.limit(query)
        level = .debug
        search = nil
    }

    /// The second version's: from `cursor` on, in milliseconds, to either side; `level` and what is more urgent.
    init(second query: Query) throws {
        cursor = try query.integer("cursor")
        direction = try query.choice("direction", LogsDirection.self) ?? .forward
        limit = try Self.limit(query)
        level = try query.choice("level", LogLevel.self) ?? .debug
        search = query["search"]?.lowercased()
    }

    private static func limit(_ query: Query) throws -> Int {
        Int(try query.integer("limit", in: 0...Int64(largestPage)) ?? Int64(largestPage))
    }

    /// - Parameter all: the oldest first.
    func entries(of all: [JournalEntry]) -> [LogView] {
        let ordered = direction == .forward ? all : all.reversed()
        return Array(ordered.lazy.map { LogView(entry: $0) }.filter(accepts).prefix(limit))
    }

    private func accepts(_ view: LogView) -> Bool {
        if let cursor {
            let milliseconds = Timestamp(view.entry.time).microseconds / 1000
            guard direction == .forward ? milliseconds >= cursor : milliseconds <= cursor else { return false }
        }
        let model = view.model
        return model.level >= level && search.map { model.message.lowercased().contains($0) } ?? true
    }
}
