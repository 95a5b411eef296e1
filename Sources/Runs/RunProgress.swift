import Gateway
import Linux
import MCPGateway
import Sandboxes
import Wire

/// What a run has and knows so far.
struct RunProgress: Sendable {
    var report: RunReport
    var sandbox: Sandbox?
    var workspace: Workspace?
    var endpoint: GuestGateway.Opening?
    /// What the sandbox reached besides the model.
    var network: NetworkLog?
    /// What its directory began with.
    var findings = Workspace.Findings()

    /// Says that the agent that waited could not be used after all.
    mutating func note(_ fault: String?) {
        guard let fault else { return }
        report.agentWaited = false
        report.whyNotWaited = "the one that waited could not be used: \(fault)"
    }

    /// Turns an error into the outcome that it means.
    mutating func fail(_ error: any Error) {
        switch error {
        case is CancellationError:
            report.outcome = .cancelled
            report.error = RunReport.Failure(code: "cancelled", message: "The run was stopped")
        case is DeadlineExceeded:
            report.outcome = .timedOut
            report.error = RunReport.Failure(
                code: "timed_out",
                message: "The time was used up before there was a result; raise --timeout or ask for less"
            )
        case let error as RunError:
            report.outcome = .sandboxFailed
            report.error = RunReport.Failure(code: error.code.rawValue, message: error.message)
        case let error as SandboxError:
            report.outcome = .sandboxFailed
            report.error = RunReport.Failure(code: error.code.rawValue, message: "\(error)")
        case let error as ServerFailure:
            report.outcome = .sandboxFailed
            report.error = RunReport.Failure(code: "mcp_server", message: error.description)
        case let error as CallError where sandbox != nil && sandbox?.isRunning == true:
            report.outcome = .sandboxFailed
            report.error = RunReport.Failure(code: error.code.rawValue, message: error.message)
        default:
            report.outcome = .sandboxFailed
            let isGone = sandbox.map { !$0.isRunning } ?? false
            report.error = RunReport.Failure(
                code: isGone ? "ended" : "internal",
                message: isGone ? "The sandbox ended during the run (\(error))" : "\(error)"
            )
        }
    }
}
