import Wire

/// What is printed and written at the end.
struct Report: Sendable {
    var host: HostFacts
    private(set) var sections: [(title: String, measurements: [Measurement])] = []

    init(host: HostFacts) {
        self.host = host
    }

    /// Adds a section; where it can not be measured it says why, and the others go on.
    mutating func measure(_ title: String, _ body: () async throws -> [Measurement]) async {
        Benchmark.say("bench: \(title)")
        do {
            sections.append((title, try await body()))
        } catch {
            sections.append((title, [.missing("failed", "not measured", "\(error)")]))
        }
    }

    var json: JSONValue {
        [
            "machine": host.json,
            "measurements": .array(sections.flatMap(\.measurements).map(\.json)),
        ]
    }

    /// One table: the machine above, then a row for each measurement.
    var text: String {
        let headings = ["", "median", "p95", "n", "target", "goal", ""]
        let rows = sections.map { ($0.title, $0.measurements.map(Self.cells)) }
        let widths = headings.indices.map { column in
            (rows.flatMap(\.1).map { $0[column].count } + [headings[column].count]).max() ?? 0
        }
        func line(_ cells: [String]) -> String {
            var line = ""
            for (column, cell) in cells.enumerated() {
                let space = String(repeating: " ", count: max(0, widths[column] - cell.count))
                // Words begin on the left, numbers end on the right.
                line += (column == 0 || column == cells.count - 1 ? cell + space : space + cell) + "  "
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }
        var text = host.text + "\n" + line(headings)
        for (title, rows) in rows {
            text += "\(title)\n"
            for cells in rows { text += line(cells) }
        }
        return text
    }

    private static func cells(_ measurement: Measurement) -> [String] {
        let verdict: String =
            switch (measurement.isMet, measurement.isGoalMet) {
            case (true, false): "met, not the goal"
            case (true, _): "met"
            case (false, _): "NOT MET"
            case (nil, _): ""
            }
        func number(_ value: Double?) -> String {
            value.map { "\(Self.number($0)) \(measurement.unit.rawValue)" } ?? "-"
        }
        let words = [verdict, measurement.note ?? ""].filter { !$0.isEmpty }.joined(separator: "; ")
        return [
            "  \(measurement.name)", number(measurement.median), number(measurement.p95), "\(measurement.values.count)",
            number(measurement.target), number(measurement.goal), words,
        ]
    }

    /// Three digits are as much as such numbers mean.
    private static func number(_ value: Double) -> String {
        let places = value >= 100 ? 0 : value >= 10 ? 1 : 2
        let scale = [1.0, 10, 100][places]
        let scaled = Int((value * scale).rounded())
        if places == 0 { return "\(scaled)" }
        let fraction = String(scaled % Int(scale))
        return "\(scaled / Int(scale)).\(String(repeating: "0", count: places - fraction.count))\(fraction)"
    }
}
