import FoundationEssentials
import Testing
import Wire

@testable import Runs

@Suite struct `a choice among candidates` {
    private static func report(
        _ id: String,
        _ outcome: RunOutcome?,
        score: Double? = nil,
        attempts: Int = 1,
        cost: Double? = nil
    ) -> RunReport {
        var report = RunReport(id: id, template: "claude", isolation: "microvm", created: Date(), prompt: "Go")
        report.outcome = outcome
        report.score = score
        report.costUSD = cost
        report.attempts = (0..<attempts).map { .init(round: $0, arguments: .null, isValid: true, faults: []) }
        return report
    }

    @Test func `prefers what may be used, then the score, then fewer attempts, then the price`() {
        let candidates = [
            Self.report("failed", .sandboxFailed, score: 100), Self.report("dear", .valid, score: 2, cost: 2),
            Self.report("unsure", .degenerate, score: 9), Self.report("cheap", .repaired, score: 2, cost: 1),
            Self.report("tried", .valid, score: 2, attempts: 2), Self.report("best", .valid, score: 3, cost: 9),
            Self.report("unscored", .valid), Self.report("none", .noResult),
        ]
        let expected = ["best", "cheap", "dear", "tried", "unscored", "unsure", "none", "failed"]
        #expect(Ranking.sorted(candidates).map(\.id) == expected)
        #expect(Ranking.sorted(candidates.reversed()).map(\.id) == expected)
    }

    @Test func `of equals takes the first`() {
        let equals = ["a", "b", "c"].map { Self.report($0, .valid) }
        #expect(Ranking.sorted(equals).map(\.id) == ["a", "b", "c"])
    }

    @Test(
        arguments: [
            (0, "tests pass\n  17.5 \n\n", "", 17.5, "17.5"), (0, "", "", 1, ""),
            (0, "all is well\n", "", 1, "all is well"),
            (1, "9\n", "", 0, "9"), (2, "", "no such file\n", 0, "no such file"), (0, "nan\n", "", 1, "nan"),
            (0, "inf\n", "", 1, "inf"), (-1, "", "", 0, ""), (0, "-3\r\n", "", -3, "-3"),
        ] as [(Int32, String, String, Double, String)]
    )
    func `hears a command's last line`(
        _ status: Int32,
        _ output: String,
        _ errors: String,
        _ score: Double,
        _ words: String
    ) {
        let judgement = Judgement(status: status, output: output, errors: errors)
        #expect(judgement.score == score)
        #expect(judgement.words == words)
    }

    @Test func `by an agent is one of those that there are, or none`() {
        let judge = AgentJudge(question: "Which?", candidates: [Self.report("a", .valid), Self.report("b", .valid)])
        func verdict(_ result: JSONValue?, _ outcome: RunOutcome = .valid) -> Int? {
            var report = Self.report("judge", outcome)
            report.result = result
            return judge.winner(of: report)?.index
        }
        #expect(verdict(["winner": 2, "reason": "shorter"]) == 1)
        #expect(verdict(["winner": 0]) == nil)
        #expect(verdict(["winner": 3]) == nil)
        #expect(verdict(["winner": "b"]) == nil)
        #expect(verdict(nil) == nil)
        #expect(verdict(["winner": 1], .noResult) == nil)
    }
}
