import Testing
import Wire

@testable import Runs

/// A `result` event of Claude Code, in the parts that matter.
private func ending(
    _ subtype: String = "success",
    isError: Bool = false,
    text: String = "",
    stopReason: String? = "end_turn",
    status: Int64? = nil,
    errors: [String] = []
) -> AgentTranscript.Ending {
    .init(subtype: subtype, isError: isError, text: text, stopReason: stopReason, apiStatus: status, errors: errors)
}

@Suite struct `the end of a round` {
    @Test func `is what the last event says, whatever the exit status`() {
        #expect(RoundEnd(ending(text: "Done."), status: nil, errorTail: "") == .finished(text: "Done."))
        #expect(RoundEnd(ending(text: "Done."), status: "exit status 1", errorTail: "x") == .finished(text: "Done."))
        #expect(RoundEnd(ending("error_max_turns", isError: true), status: "exit status 1", errorTail: "") == .maxTurns)
        #expect(RoundEnd(ending("error_max_budget_usd", isError: true), status: nil, errorTail: "") == .budget(nil))
        #expect(
            RoundEnd(ending(text: "I can not do that.", stopReason: "refusal"), status: nil, errorTail: "")
                == .refused("I can not do that.")
        )
    }

    @Test func `without an event is a failure that tells the program's last words`() {
        #expect(failure(RoundEnd(nil, status: "signal: killed", errorTail: ""))?.code == "agent_ended_early")
        #expect(failure(RoundEnd(nil, status: "signal: killed", errorTail: ""))?.message.contains("killed") == true)
        #expect(
            failure(RoundEnd(nil, status: "exit status 1", errorTail: "bad option"))?.message.contains("bad option")
                == true
        )
        // A clean exit proves nothing.
        #expect(failure(RoundEnd(nil, status: nil, errorTail: ""))?.code == "agent_ended_early")
    }

    @Test(arguments: [
        (401, "ANTHROPIC_API_KEY"), (403, "ANTHROPIC_API_KEY"), (429, "higher limits"), (500, "later"), (529, "later"),
        (400, "400"),
    ])
    func `names the model's refusal and what to do`(status: Int64, advice: String) {
        let end = RoundEnd(ending(isError: true, text: "No.", status: status), status: "exit status 1", errorTail: "")
        #expect(failure(end)?.code == "model_\(status)")
        #expect(failure(end)?.message.contains(advice) == true)
        #expect(failure(end)?.message.contains("No.") == true)
    }

    @Test func `tells an error of the agent itself`() {
        let end = RoundEnd(
            ending("error_during_execution", isError: true, errors: ["a", "b"]),
            status: nil,
            errorTail: ""
        )
        #expect(failure(end)?.code == "agent_error")
        #expect(failure(end)?.message.contains("a; b") == true)
    }

    private func failure(_ end: RoundEnd) -> RunReport.Failure? {
        if case .failed(let failure) = end { failure } else { nil }
    }
}

@Suite struct `a verdict` {
    private static let failed = RoundEnd.failed(.init(code: "model_500", message: "No."))

    private func verdict(
        round: Int = 0,
        _ end: RoundEnd = .finished(text: ""),
        hasResult: Bool = false,
        degeneracy: String? = nil,
        faults: [String]? = nil
    ) -> Verdict {
        .ofResult(
            round: round,
            end: end,
            hasResult: hasResult,
            degeneracy: degeneracy,
            lastFaults: faults,
            tool: "mcp__martlet__submit"
        )
    }

    @Test func `on a result that was accepted does not ask how the round ended`() {
        for end in [RoundEnd.finished(text: ""), .maxTurns, .budget(nil), .refused("no"), Self.failed] {
            #expect(verdict(end, hasResult: true) == Verdict(outcome: .valid), "\(end)")
            #expect(verdict(round: 1, end, hasResult: true) == Verdict(outcome: .repaired), "\(end)")
        }
        // Mended within the agent's own turns.
        #expect(verdict(hasResult: true, faults: ["/x must be a string"]).outcome == .valid)
    }

    @Test func `on a placeholder is degenerate, and is not asked again`() {
        let verdict = verdict(hasResult: true, degeneracy: "every text is empty")
        #expect(verdict.outcome == .degenerate)
        #expect(verdict.failure?.message.contains("every text is empty") == true)
        #expect(verdict.repair == nil)
    }

    @Test func `on wrong results repeats each fault to the agent`() {
        let verdict = verdict(faults: ["/a must be an integer", "/b is missing"])
        #expect(verdict.outcome == .invalid)
        #expect(verdict.failure?.code == "invalid")
        for part in ["/a must be an integer", "/b is missing", "mcp__martlet__submit"] {
            #expect(verdict.repair?.contains(part) == true, "\(part)")
        }
    }

    @Test func `on no result at all says which tool to call`() {
        let verdict = verdict()
        #expect(verdict.outcome == .noResult)
        #expect(verdict.repair?.contains("mcp__martlet__submit") == true)
    }

    @Test(arguments: [
        (RoundEnd.maxTurns, RunOutcome.maxTurns), (.budget("no"), .budget), (.refused("no"), .refused),
        (failed, .agentFailed),
    ])
    func `on what no other round could mend asks for none`(end: RoundEnd, outcome: RunOutcome) {
        for verdict in [verdict(end), verdict(end, faults: ["/a"]), Verdict.ofText(end)] {
            #expect(verdict.outcome == outcome)
            #expect(verdict.failure != nil)
            #expect(verdict.repair == nil)
        }
    }

    @Test func `without a schema takes any text but an empty one`() {
        #expect(Verdict.ofText(.finished(text: "Yes.")) == Verdict(outcome: .valid))
        #expect(Verdict.ofText(.finished(text: " \n")).outcome == .noResult)
    }
}
