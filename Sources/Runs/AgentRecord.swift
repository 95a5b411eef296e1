import Synchronization
import Wire

/// What the agent came to.
struct AgentWork: Sendable {
    var transcript = AgentTranscript()
    var verdict = Verdict(outcome: .noResult)
    var result: JSONValue?
    /// Why the one that waited could not be used.
    var agentFault: String?
    var agentMilliseconds = 0
    var repairMilliseconds = 0
    var judgingMilliseconds = 0

    func apply(to progress: inout RunProgress) {
        progress.report.outcome = verdict.outcome
        progress.report.error = verdict.failure
        progress.report.result = result
        progress.report.sessionID = transcript.sessionID
        progress.report.model = transcript.model
        progress.report.turns = transcript.turns
        progress.report.toolCalls = transcript.toolCalls
        progress.report.permissionDenials = transcript.permissionDenials
        progress.report.sessionCostUSD = transcript.sessionCostUSD
        progress.report.durations.agent = agentMilliseconds
        progress.report.durations.repair = repairMilliseconds
        for server in transcript.failedServers {
            progress.report.warnings.append("Claude Code could not reach the MCP server '\(server)'")
        }
    }
}

/// What is known of an agent's work so far: written by the task that reads the agent, still there for the report when that
/// task was cut off in the middle.
final class AgentRecord: Sendable {
    private let state = Mutex(AgentWork())

    var work: AgentWork { state.withLock { $0 } }

    func change<Result: Sendable>(_ body: (inout AgentWork) -> Result) -> Result {
        state.withLock { body(&$0) }
    }
}
