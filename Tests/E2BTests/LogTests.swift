import FoundationEssentials
import Testing
import Wire

@testable import E2B

private func entry(_ sequence: UInt64, _ kind: JournalEntry.Kind, _ text: String) -> JournalEntry {
    let time = Date(timeIntervalSince1970: Double(sequence))
    return JournalEntry(sequence: sequence, time: time, kind: kind, pid: 9, text: text)
}

private let all = [
    entry(1, .started, "make"), entry(2, .output, "building"), entry(3, .error, "Oh \"no\"\u{1}"),
    entry(4, .ended, "exit status 2"), entry(5, .ended, "exit status 0"),
]

private func sequences(second query: String) throws -> [String] {
    try LogQuery(second: Query(of: "/x?\(query)")).entries(of: all).compactMap { $0.model.fields["sequence"] }
}

@Suite struct `a log` {
    @Test(arguments: [
        ("", "12345"), ("direction=backward", "54321"), ("limit=2", "12"), ("limit=0", ""), ("level=info", "12345"),
        ("level=warn", "34"), ("level=error", "4"), ("search=STATUS", "45"), ("cursor=3000", "345"),
        ("cursor=3000&direction=backward&limit=2", "32"), ("cursor=3001", "45"), ("level=debug&search=oh", "3"),
    ])
    func `is read from any place, either way, filtered`(_ query: String, _ expected: String) throws {
        #expect(try sequences(second: query).joined() == expected)
    }

    @Test func `of the first version has lines that are JSON themselves`() throws {
        let views = try LogQuery(first: Query(of: "/x?start=3000&limit=1")).entries(of: all)
        let line = try #require(views.first).line
        #expect(line.timestamp.text == "1970-01-01T00:00:03.000000Z")
        let document = try JSONValue(parsing: line.line)
        #expect(document["message"] == "Oh \"no\"\u{1}")
        #expect(document["level"] == "warn" && document["logger"] == "process")
        #expect(document["event_type"] == "stderr" && document["pid"] == "9")
    }
}
