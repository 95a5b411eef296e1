import Arguments
import FoundationEssentials
import Glibc
import Testing
import Wire

@testable import Commands

private func report(_ outcome: RunOutcome?) -> RunReport {
    var report = RunReport(id: "r1", template: "claude", isolation: "microvm (tcg)", created: Date(), prompt: "Hello")
    report.outcome = outcome
    return report
}

@Suite struct `the status of a run` {
    @Test(arguments: RunOutcome.allCases)
    func `is 0 for a usable result only`(_ outcome: RunOutcome) {
        let isUsable = outcome == .valid || outcome == .repaired
        #expect(RunSummary.status(report(outcome), endedBy: nil) == (isUsable ? .success : .failure))
    }

    @Test func `tells of the signal that it was stopped for`() {
        #expect(RunSummary.status(report(.cancelled), endedBy: SIGINT).rawValue == 130)
        #expect(RunSummary.status(report(.cancelled), endedBy: SIGTERM).rawValue == 143)
        #expect(RunSummary.status(report(.valid), endedBy: SIGINT) == .success)
        #expect(RunSummary.status(report(nil), endedBy: nil) == .failure)
    }
}

@Suite struct `the result of a run` {
    @Test func `is text as it is, and all else as JSON`() {
        var text = report(.valid)
        text.result = "Done.\n"
        #expect(RunSummary.result(text, isTerminal: false) == "Done.\n")
        text.result = "Done"
        #expect(RunSummary.result(text, isTerminal: false) == "Done\n")
        text.result = ["b": [1], "a": "x/y"]
        #expect(RunSummary.result(text, isTerminal: false).flatMap { try? JSONValue(parsing: $0) } == text.result)
        text.result = nil
        #expect(RunSummary.result(text, isTerminal: false) == nil)
    }

    @Test func `can not move the cursor of a terminal`() {
        var text = report(.valid)
        text.result = "a\u{1B}[2Jb\tc\u{202E}\n"
        #expect(RunSummary.result(text, isTerminal: true) == "a [2Jb\tc\n")
        #expect(RunSummary.result(text, isTerminal: false) == "a\u{1B}[2Jb\tc\u{202E}\n")
    }

    @Test func `is summed up in a few lines`() {
        var kept = report(.repaired)
        kept.turns = 3
        kept.usage.inputTokens = 12_000
        kept.usage.outputTokens = 345
        kept.costUSD = 0.0421
        kept.durations.total = 38_240
        kept.sessionID = "s"
        kept.sandboxID = "i9"
        kept.kept = true
        #expect(
            RunSummary.text(kept, style: Style(isOn: false)) == """
                repaired · 3 turns · 12.3k tokens · $0.0421 · 38.2 s · run r1
                Go on with it: martlet run --resume r1 "…"
                The sandbox still runs: martlet exec i9 bash, and martlet kill i9

                """
        )
    }

    @Test func `as JSON is one object with dates as ISO 8601 has them`() throws {
        var value = report(.valid)
        value.created = Date(timeIntervalSince1970: 0)
        let json = try JSONValue(parsing: try Output.json(value))
        #expect(json["created"] == "1970-01-01T00:00:00Z")
        #expect(json["outcome"] == "valid")
    }
}

@Suite struct `the progress of a run` {
    private static let story: [RunProgress.Event] = [
        .run(.started("r1")), .run(.step(.init(step: .create, milliseconds: nil, detail: nil))),
        .run(.step(.init(step: .create, milliseconds: 52, detail: "i9"))),
        .run(.step(.init(step: .agent, milliseconds: nil, detail: nil))),
        .run(.progress(.init(turns: 2, tokens: 1234, costUSD: 0.01, tool: "Bash", detail: "git log\n\u{1B}[2J"))),
        .run(.progress(.init(turns: 3, tokens: 2234, costUSD: nil, tool: nil, detail: nil))),
        .run(
            .attempt(.init(round: 0, arguments: [:], isValid: false, faults: ["'/a' is missing", "'/b' is missing"]))
        ),
        .run(.attempt(.init(round: 0, arguments: [:], isValid: true, faults: []))), .run(.warning("careful")),
        .run(.keepalive), .run(.step(.init(step: .agent, milliseconds: 65_000, detail: nil))), .note("stopping"),
    ]

    @Test func `is plain lines in a pipe`() {
        var progress = RunProgress(isLive: false, style: Style(isOn: false))
        let lines = Self.story.flatMap { progress.take($0, at: .zero) }
        #expect(
            lines == [
                "run: r1", "sandbox: 0.05 s (i9)", "agent: Bash git log  [2J, 2 turns, 1.2k tokens, $0.0100",
                "note: a result was refused: '/a' is missing (and 1 more)", "note: careful", "agent: 1 min 05 s",
                "note: stopping",
            ]
        )
    }

    @Test func `is a line for each finished step on a terminal`() {
        var progress = RunProgress(isLive: true, style: Style(isOn: false))
        let lines = Self.story.flatMap { progress.take($0, at: .zero) }
        #expect(
            lines == [
                "✓ sandbox      0.05 s  i9", "! a result was refused: '/a' is missing (and 1 more)", "! careful",
                "✓ agent        1 min 05 s", "! stopping",
            ]
        )
    }

    @Test func `has one live line with step, figures, clock and tool`() {
        var progress = RunProgress(isLive: true, style: Style(isOn: false))
        #expect(progress.status(at: .zero) == nil)
        for event in Self.story.prefix(5) { _ = progress.take(event, at: .zero) }
        #expect(
            progress.status(at: .seconds(41)) == "⠴ agent · 2 turns · 1.2k tokens · $0.0100 · 0:41 · Bash git log  [2J"
        )
        for event in Self.story.dropFirst(5) { _ = progress.take(event, at: .zero) }
        #expect(progress.status(at: .seconds(42)) == nil)
    }

    @Test(arguments: [(10, "abcdefghij"), (5, "abcd…"), (1, "…"), (0, "")])
    func `is cut to the width of the terminal`(_ width: Int, _ text: String) {
        #expect(TerminalText.clipped("abcdefghij", to: width) == text)
    }

    @Test func `counts wide characters twice`() {
        #expect(TerminalText.width("日本") == 4)
        #expect(TerminalText.clipped("日本語", to: 5) == "日本…")
        #expect(TerminalText.width("\u{1B}[32m✓\u{1B}[0m") == 1)
    }
}

@Suite struct `a figure` {
    @Test(arguments: [
        (0, "0.00 s"), (52, "0.05 s"), (9999, "10.00 s"), (38_240, "38.2 s"), (125_000, "2 min 05 s"),
        (3_720_000, "1 h 02 min"),
    ])
    func `of time is short`(_ milliseconds: Int, _ text: String) {
        #expect(Readable.time(milliseconds: milliseconds) == text)
    }

    @Test(arguments: [
        (0, "0"), (999, "999"), (1000, "1.0k"), (12_345, "12.3k"), (999_950, "1.0M"), (2_500_000, "2.5M"),
    ])
    func `of many is short`(_ count: Int, _ text: String) {
        #expect(Readable.count(count) == text)
    }

    @Test(arguments: [(0, "$0.0000"), (0.04213, "$0.0421"), (1.5, "$1.50"), (12.345, "$12.35")])
    func `of money is exact enough`(_ dollars: Double, _ text: String) {
        #expect(Readable.dollars(dollars) == text)
    }

    @Test(
        arguments: [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (20 << 20, "20 MiB"), (3 << 30, "3.0 GiB")]
            as [(Int64, String)]
    )
    func `of bytes has a unit`(_ bytes: Int64, _ text: String) {
        #expect(Readable.bytes(bytes) == text)
    }
}

@Suite struct `a table` {
    @Test func `has columns as wide as they need`() {
        var table = Table("ID", "NAME", "AGE")
        table.add("i1", "日本", "3 s")
        table.add("i22", "a\nb", "-")
        #expect(table.text == "ID   NAME  AGE\ni1   日本  3 s\ni22  a b   -\n")
    }
}
