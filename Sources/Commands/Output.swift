import FoundationEssentials

/// How a command prints what it found; every command that can print data asks here.
package enum OutputFormat: String, Sendable, CaseIterable {
    /// For people.
    case text
    /// One JSON document for programs.
    case json
}

/// The one place that knows how data looks.
package enum Output {
    /// `value` as the format wants it; `text` is asked only for ``OutputFormat/text``.
    package static func rendered(_ value: some Encodable, as format: OutputFormat, text: () -> String) throws -> String
    {
        switch format {
        case .text: text()
        case .json: try json(value)
        }
    }

    static func print(_ value: some Encodable, as format: OutputFormat, text: () -> String) async throws {
        try await StandardStream.output.write(try rendered(value, as: format, text: text))
    }

    /// One document on one line, for output that goes on.
    package static func jsonLine(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(date.formatted(.iso8601WithMilliseconds))
        }
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }

    /// One document, indented, with sorted keys and dates as ISO 8601 has them, and a line end.
    package static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }
}

/// Rows under headings, each column as wide as it needs.
package struct Table: Sendable {
    private let headings: [String]
    private var rows: [[String]] = []

    package init(_ headings: String...) {
        self.headings = headings
    }

    package mutating func add(_ cells: String...) {
        rows.append(cells.map(TerminalText.line))
    }

    /// The table as lines; the headings alone when there are no rows.
    package var text: String {
        let all = [headings] + rows
        let widths = headings.indices.map { column in all.map { TerminalText.width($0[column]) }.max() ?? 0 }
        return all.map { row in
            var line = ""
            for (cell, width) in zip(row, widths) {
                line += cell + String(repeating: " ", count: width - TerminalText.width(cell) + 2)
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}

/// Names and what they are, one a line.
package struct Facts: Sendable {
    private var rows: [(name: String, value: String)] = []

    package init() {}

    package mutating func add(_ name: String, _ value: String?) {
        if let value { rows.append((name, TerminalText.line(value))) }
    }

    package var text: String {
        let width = rows.map(\.name.count).max() ?? 0
        return rows.map { row in
            row.name + String(repeating: " ", count: width - row.name.count + 2) + row.value + "\n"
        }.joined()
    }
}
