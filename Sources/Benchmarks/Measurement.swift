import Wire

/// One promise or comparison, and what was measured for it.
struct Measurement: Sendable {
    enum Unit: String, Sendable {
        case milliseconds = "ms"
        case seconds = "s"
        case mebibytes = "MiB"
        case percent = "%"
        case microseconds = "µs"
        case requestsPerSecond = "req/s"
        case mebibytesPerSecond = "MiB/s"
    }

    /// For programs; never changes.
    let id: String
    let name: String
    let unit: Unit
    var values: [Double] = []
    /// What is promised of the median.
    var target: Double?
    /// What is wished of it.
    var goal: Double?
    /// Whatever else must be known to read the numbers, and why there are none.
    var note: String?

    init(_ id: String, _ name: String, _ unit: Unit, target: Double? = nil, goal: Double? = nil) {
        self.id = id
        self.name = name
        self.unit = unit
        self.target = target
        self.goal = goal
    }

    mutating func add(_ duration: Duration) {
        values.append(unit == .seconds ? duration / .seconds(1) : duration / .milliseconds(1))
    }

    /// One that could not be made, and why.
    static func missing(_ id: String, _ name: String, _ note: String) -> Measurement {
        var measurement = Measurement(id, name, .milliseconds)
        measurement.note = note
        return measurement
    }

    var median: Double? { quantile(0.5) }
    var p95: Double? { quantile(0.95) }
    /// Nil where nothing is promised or nothing was measured.
    var isMet: Bool? {
        guard let target, let median else { return nil }
        return median <= target
    }
    var isGoalMet: Bool? {
        guard let goal, let median else { return nil }
        return median <= goal
    }

    /// The smallest value that the share `part` of all values does not exceed; between the two middle ones for a median.
    private func quantile(_ part: Double) -> Double? {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return nil }
        if part == 0.5, sorted.count.isMultiple(of: 2) {
            return (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
        }
        let rank = Int((part * Double(sorted.count)).rounded(.up))
        return sorted[min(sorted.count, max(1, rank)) - 1]
    }

    var json: JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(id), "name": .string(name), "unit": .string(unit.rawValue),
            "values": .array(values.map { .number($0) }),
        ]
        members["median"] = median.map { .number($0) }
        members["p95"] = p95.map { .number($0) }
        members["target"] = target.map { .number($0) }
        members["goal"] = goal.map { .number($0) }
        members["met"] = isMet.map { .bool($0) }
        members["goalMet"] = isGoalMet.map { .bool($0) }
        members["note"] = note.map { .string($0) }
        return .object(members)
    }
}
