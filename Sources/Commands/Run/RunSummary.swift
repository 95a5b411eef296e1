import Arguments
import Wire

/// What is said about a finished run, beside its result.
enum RunSummary {
    /// The lines for standard error.
    static func text(_ report: RunReport, style: Style) -> String {
        var lines = [headline(report, style: style)]
        if let error = report.error { lines.append(TerminalText.lines(error.message)) }
        lines += report.warnings.map { "\(style.yellow("!")) \(TerminalText.line($0))" }
        lines += (report.candidates ?? []).map { candidate($0, style: style) }
        lines += report.artifacts.map(artifact)
        if report.sessionID != nil { lines.append("Go on with it: martlet run --resume \(report.id) \"…\"") }
        if report.kept, let sandbox = report.sandboxID {
            lines.append("The sandbox still runs: martlet exec \(sandbox) bash, and martlet kill \(sandbox)")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func headline(_ report: RunReport, style: Style) -> String {
        let outcome = report.outcome?.rawValue ?? "unfinished"
        let isSuccess = report.outcome?.isSuccess ?? false
        var parts = [style.bold(isSuccess ? style.green(outcome) : style.red(outcome))]
        parts.append(Readable.plural(report.turns, "turn"))
        parts.append("\(Readable.count(report.usage.total)) tokens")
        if let cost = report.costUSD { parts.append(Readable.dollars(cost)) }
        parts.append(Readable.time(milliseconds: report.durations.total))
        if report.agentWaited == true { parts.append("agent waited") }
        parts.append("run \(report.id)")
        return parts.joined(separator: " · ")
    }

    /// One line for each of several agents.
    private static func candidate(_ candidate: RunReport.Candidate, style: Style) -> String {
        var parts = ["run \(candidate.run)", candidate.outcome?.rawValue ?? "unfinished"]
        if let score = candidate.score { parts.append("score \(TerminalText.line("\(score)"))") }
        parts.append(Readable.plural(candidate.turns, "turn"))
        if let cost = candidate.costUSD { parts.append(Readable.dollars(cost)) }
        parts.append(Readable.time(milliseconds: candidate.milliseconds))
        return "\(candidate.isWinner ? style.green("✓") : "·") \(parts.joined(separator: " · "))"
    }

    private static func artifact(_ artifact: RunReport.Artifact) -> String {
        let path = TerminalText.line(artifact.path)
        if let error = artifact.error {
            return "The artifact '\(path)' was not brought out: \(TerminalText.line(error))"
        }
        let size = artifact.bytes.map { " (\(Readable.bytes(Int64($0))))" } ?? ""
        return "Artifact: \(artifact.file ?? path)\(size)"
    }

    /// The result as people and pipes want it: text as it is, everything else as JSON.
    static func result(_ report: RunReport, isTerminal: Bool) -> String? {
        guard let result = report.result else { return nil }
        let text = result.string ?? result.text(pretty: true)
        return (isTerminal ? TerminalText.lines(text) : text) + (text.hasSuffix("\n") ? "" : "\n")
    }

    /// The status that tells how a run went.
    ///
    /// - Parameter signal: the signal that this command asked for the run's end on.
    static func status(_ report: RunReport, endedBy signal: Int32?) -> Status {
        switch report.outcome {
        case .valid, .repaired: .success
        case .cancelled: signal.map(Status.signalled) ?? .failure
        case .degenerate, .invalid, .noResult, .maxTurns, .budget, .timedOut, .refused, .agentFailed, .sandboxFailed,
            nil:
            .failure
        }
    }
}
