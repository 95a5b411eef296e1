import ClaudeAgent
import Gateway
import Sandboxes
import Wire

/// Follows one round of an agent to its end, and tells what a person wants to see.
struct AgentReader: Sendable {
    let record: AgentRecord
    let transcript: TranscriptFile
    let endpoint: GuestGateway.Opening
    let schema: ResultSchema?
    let tell: @Sendable (RunEvent) async throws -> Void

    /// Gives the agent what it is to do, and reads until its program has ended.
    ///
    /// - Throws: what broke around the agent. What the agent itself did wrong is the end of the round.
    func read(_ prompt: AgentPrompt, _ agent: GuestSession) async throws -> RoundEnd {
        do {
            try await agent.session.send(prompt)
            agent.session.endWhenSettled()
            for try await message in agent.session.messages { try await take(message) }
            try transcript.check()
            return RoundEnd(record.work.transcript.ending, nil, words: agent.program.ending?.words)
        } catch let error as AgentError {
            await agent.session.abandon()
            return try end(error, agent.program.ending?.words)
        } catch {
            // Nobody listens to it any more; its guest may live on, and its files are about to be looked at.
            await agent.session.abandon()
            throw error
        }
    }

    /// What an agent's failure means for the round.
    func end(_ error: AgentError, _ words: String?) throws -> RoundEnd {
        if error.code == .connectionLost { throw error.cause ?? error }
        return RoundEnd(record.work.transcript.ending, error, words: words)
    }

    private func take(_ message: AgentMessage) async throws {
        try transcript.check()
        guard message.isShown else { return }
        if message.raw["type"] != nil { try await tell(.agent(message.raw)) }
        for attempt in schema?.untold() ?? [] { try await tell(.attempt(attempt)) }
        let notes = AgentTranscript.notes(on: message)
        for note in notes {
            switch note {
            case .tool(let name, let detail): try await tell(.progress(progress(tool: name, detail: detail)))
            case .retry(let text): try await tell(.warning(text))
            }
        }
        if notes.isEmpty, case .assistant = message { try await tell(.progress(progress(tool: nil, detail: nil))) }
    }

    private func progress(tool: String?, detail: String?) -> RunEvent.Progress {
        let usage = endpoint.usage
        return RunEvent.Progress(
            turns: record.work.transcript.turns,
            tokens: usage.report.total,
            costUSD: usage.costUSD,
            tool: tool,
            detail: detail
        )
    }
}

extension AgentMessage {
    /// Whether it is one of those that Claude Code writes for whoever reads along, and not for the program that drives it.
    var isShown: Bool {
        switch self {
        case .state, .promptState: false
        case .started, .status, .assistant, .user, .partial, .result, .task, .hook, .retry, .permissionDenied,
            .rateLimit,
            .unknown:
            true
        }
    }
}
