import ClaudeAgent
import Testing
import Wire

@testable import Runs

/// A result of Claude Code, in the parts that matter.
private func ending(
    _ subtype: String = "success",
    isError: Bool = false,
    text: String = "",
    stopReason: String? = "end_turn",
    status: Int64? = nil,
    errors: [String] = []
) -> ResultMessage? {
    let message = AgentMessage([
        "type": "result", "subtype": .string(subtype), "is_error": .bool(isError), "result": .string(text),
        "stop_reason": stopReason.map { .string($0) } ?? .null,
        "api_error_status": status.map { .integer($0) } ?? .null,
        "errors": .array(errors.map { .string($0) }),
    ])
    guard case .result(let result) = message else { return nil }
    return result
}

/// A failure by the session's rule, with the program's last words.
private func failed(_ code: AgentError.Code, errorText: String = "") -> AgentError {
    var error = AgentError(code, "Claude Code failed")
    error.errorText = errorText
    return error
}

@Suite struct `the end of a round` {
    @Test func `is what the last result says`() {
        #expect(RoundEnd(ending(text: "Done."), nil, words: nil) == .finished(text: "Done."))
        #expect(RoundEnd(ending("error_max_turns", isError: true), nil, words: "exit status 1") == .maxTurns)
        #expect(RoundEnd(ending("error_max_budget_usd", isError: true), nil, words: nil) == .budget(nil))
        #expect(
            RoundEnd(ending(text: "I can not do that.", stopReason: "refusal"), nil, words: nil)
                == .refused("I can not do that.")
        )
    }

    @Test(arguments: [
        (AgentError.Code.noResult, "agent_ended_early"), (.exited, "agent_ended_early"),
        (.outputCut, "agent_output_cut"), (.silent, "agent_silent"), (.startupTimedOut, "agent_silent"),
        (.lineTooLong, "agent_line_too_long"), (.launchFailed, "agent_not_started"), (.refused, "agent_error"),
    ])
    func `is a failure where the session says so, whatever the last result was`(error: AgentError.Code, code: String) {
        #expect(failure(RoundEnd(nil, failed(error), words: nil))?.code == code)
        #expect(failure(RoundEnd(ending(text: "Done."), failed(error), words: nil))?.code == code)
    }

    @Test func `in failure tells how the program ended, and its last words`() {
        let killed = failure(RoundEnd(nil, failed(.exited), words: "signal: killed"))?.message ?? ""
        #expect(killed.contains("killed") && killed.contains("nothing about why"))
        let told =
            failure(RoundEnd(nil, failed(.exited, errorText: "bad option"), words: "exit status 1"))?.message ?? ""
        #expect(told.contains("exit status 1") && told.contains("bad option"))
        // No result and no failure can not be; it would be one.
        #expect(failure(RoundEnd(nil, nil, words: nil))?.code == "agent_ended_early")
    }

    @Test(arguments: [
        (401, "ANTHROPIC_API_KEY"), (403, "ANTHROPIC_API_KEY"), (429, "higher limits"), (500, "later"), (529, "later"),
        (400, "400"),
    ])
    func `names the model's refusal and what to do`(status: Int64, advice: String) {
        let end = RoundEnd(ending(isError: true, text: "No.", status: status), nil, words: "exit status 1")
        #expect(failure(end)?.code == "model_\(status)")
        #expect(failure(end)?.message.contains(advice) == true)
        #expect(failure(end)?.message.contains("No.") == true)
    }

    @Test func `tells an error of the agent itself`() {
        let end = RoundEnd(ending("error_during_execution", isError: true, errors: ["a", "b"]), nil, words: nil)
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
