import ClaudeAgent
import Wire

/// How one round of an agent ended.
enum RoundEnd: Sendable, Hashable {
    case finished(text: String)
    case maxTurns
    /// With what the gateway said, where it was not the agent that stopped.
    case budget(String?)
    case refused(String)
    case failed(RunReport.Failure)

    /// Judges by what the agent's session came to.
    ///
    /// - Parameters:
    ///   - ending: the last result of the round, nil when there was none.
    ///   - failure: what the program did wrong, by the session's own rule; nil when it did what it should.
    ///   - words: how the program ended, in words; nil for success.
    init(_ ending: ResultMessage?, _ failure: AgentError?, words: String?) {
        guard failure == nil, let ending else {
            self = .failed(Self.failure(failure ?? AgentError(.noResult, "Claude Code ended without a result"), words))
            return
        }
        switch ending.subtype {
        case .maxTurns: self = .maxTurns
        case .maxBudget: self = .budget(nil)
        case .success where !ending.isError:
            self = ending.stopReason == "refusal" ? .refused(ending.text ?? "") : .finished(text: ending.text ?? "")
        default: self = .failed(Self.failure(ending))
        }
    }

    private static func failure(_ error: AgentError, _ words: String?) -> RunReport.Failure {
        let code =
            switch error.code {
            case .noResult, .exited: "agent_ended_early"
            case .outputCut: "agent_output_cut"
            case .silent, .startupTimedOut: "agent_silent"
            case .lineTooLong: "agent_line_too_long"
            case .launchFailed: "agent_not_started"
            default: "agent_error"
            }
        var message = error.message
        if let cause = error.cause { message += ": \(cause)" }
        if let words { message += " (\(words))" }
        // A program that was ended here has nothing to say about why.
        if error.code == .noResult || error.code == .exited, error.errorText.isEmpty {
            message += "; it said nothing about why"
        }
        if !error.errorText.isEmpty { message += "; it said: \(error.errorText.suffix(2000))" }
        return RunReport.Failure(code: code, message: message)
    }

    private static func failure(_ ending: ResultMessage) -> RunReport.Failure {
        let text = ending.text ?? ""
        let words = text.isEmpty ? ending.errors.joined(separator: "; ") : text
        guard let status = ending.apiErrorStatus else {
            // An error of a round that was carried to its end comes as 'success', which helps nobody.
            let kind = ending.subtype == .success ? "" : " (\(ending.subtype.rawValue))"
            return RunReport.Failure(code: "agent_error", message: "Claude Code failed\(kind): \(words)")
        }
        let advice =
            switch status {
            case 401, 403: "; check the daemon's ANTHROPIC_API_KEY"
            case 429: "; wait, or use a key with higher limits"
            case 500...599: "; the model service has trouble, try again later"
            default: ""
            }
        return RunReport.Failure(code: "model_\(status)", message: "The model answered \(status): \(words)\(advice)")
    }
}

/// What a run has come to after a round, and whether another round may mend it.
struct Verdict: Sendable, Hashable {
    var outcome: RunOutcome
    var failure: RunReport.Failure?
    /// What to tell the agent in another round; nil when there is nothing that it could mend.
    var repair: String?

    /// Judges a run whose result must fit a schema.
    ///
    /// - Parameters:
    ///   - hasResult: whether a call of the result tool has been accepted.
    ///   - degeneracy: why the accepted result is a placeholder, if it is one.
    ///   - lastFaults: what was wrong with the last call; nil when there was no call at all.
    static func ofResult(
        round: Int,
        end: RoundEnd,
        hasResult: Bool,
        degeneracy: String?,
        lastFaults: [String]?,
        tool: String
    ) -> Verdict {
        if hasResult {
            if let degeneracy {
                return Verdict(
                    outcome: .degenerate,
                    failure: RunReport.Failure(
                        code: "degenerate",
                        message: "The result fits the schema and says nothing: \(degeneracy)"
                    )
                )
            }
            return Verdict(outcome: round == 0 ? .valid : .repaired)
        }
        switch end {
        case .maxTurns, .budget, .refused, .failed:
            return ofFailure(end)
        case .finished:
            if let lastFaults {
                let faults = lastFaults.joined(separator: "\n")
                return Verdict(
                    outcome: .invalid,
                    failure: RunReport.Failure(
                        code: "invalid",
                        message: "No result fits the schema; the last one: \(lastFaults.joined(separator: "; "))"
                    ),
                    repair: "Your last call of the tool \(tool) was not accepted:\n\(faults)\n"
                        + "Call \(tool) again, now, with a result in which all of this is mended."
                )
            }
            return Verdict(
                outcome: .noResult,
                failure: RunReport.Failure(code: "no_result", message: "The agent ended without calling \(tool)"),
                repair: "You have ended without handing over your result. Call the tool \(tool) now with the result of "
                    + "your work; nothing else counts as an answer."
            )
        }
    }

    /// Judges a run whose result is the agent's last text.
    static func ofText(_ end: RoundEnd) -> Verdict {
        guard case .finished(let text) = end else { return ofFailure(end) }
        if text.allSatisfy(\.isWhitespace) {
            return Verdict(
                outcome: .noResult,
                failure: RunReport.Failure(code: "no_result", message: "The agent ended without an answer")
            )
        }
        return Verdict(outcome: .valid)
    }

    private static func ofFailure(_ end: RoundEnd) -> Verdict {
        switch end {
        case .finished:
            Verdict(outcome: .noResult)
        case .maxTurns:
            Verdict(
                outcome: .maxTurns,
                failure: RunReport.Failure(
                    code: "max_turns",
                    message: "The turns were used up before there was a result; raise --max-turns or ask for less"
                )
            )
        case .budget(let reason):
            Verdict(
                outcome: .budget,
                failure: RunReport.Failure(
                    code: "budget",
                    message: reason
                        ?? "The money was used up before there was a result; raise --max-cost or ask for less"
                )
            )
        case .refused(let text):
            Verdict(
                outcome: .refused,
                failure: RunReport.Failure(code: "refused", message: "The model refused: \(text)")
            )
        case .failed(let failure):
            Verdict(outcome: .agentFailed, failure: failure)
        }
    }
}
