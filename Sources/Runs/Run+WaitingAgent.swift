import ClaudeAgent
import Gateway
import GuestLink
import Linux
import Sandboxes
import Wire

/// Runs by an agent that was started before, with its template.
extension Run {
    /// How long it may take to be told what differs for this run.
    private static let patience = Duration.seconds(60)

    /// Why this run starts an agent of its own; nil when one that waits will do.
    var whyOwnAgent: String? {
        previous != nil ? "the run goes on with an earlier session" : options.whyOwnAgent
    }

    /// Takes the agent that waits in the sandbox, if it will do; else ends it.
    func takeAgent(in sandbox: Sandbox, _ findings: Workspace.Findings, _ progress: inout RunProgress) async
        -> AgentPlace.State
    {
        let state = sandbox.agent.take()
        var reason = whyOwnAgent
        if reason == nil, findings.hasSettings { reason = "the directory has settings of its own for Claude Code" }
        if reason == nil, state == .none {
            reason =
                "none waits in the template '\(options.template)'; 'martlet template build claude' adds one to 'claude'"
        }
        progress.report.agentWaited = reason == nil
        progress.report.whyNotWaited = reason
        guard reason != nil, state != .none else { return state }
        await Task {
            try? await withDeadline(.seconds(5)) {
                try await sandbox.link.signal(ProcessSelector(tag: WaitingAgent.tag), "SIGNAL_SIGKILL")
            }
        }.value
        return .none
    }

    /// Gives the task to the agent that waits, and reads what it does.
    ///
    /// - Returns: nil when it can not be used; it has ended then, and has heard nothing of the task.
    func runWaitingAgent(
        _ state: AgentPlace.State,
        _ findings: Workspace.Findings,
        _ sandbox: Sandbox,
        _ reader: AgentReader
    ) async throws -> RoundEnd? {
        let servers = serverPlans?.names ?? []
        let (link, hasTool, prompt) = (sandbox.link, schema != nil, String(decoding: options.prompt, as: UTF8.self))
        let variables = Array("export E2B_SANDBOX_ID='\(sandbox.id)'\n".utf8)
        var agentOptions = AgentOptions()
        agentOptions.listener = reader.transcript
        reader.transcript.setOpen(false)
        defer { reader.transcript.setOpen(true) }
        let agent: GuestSession
        do {
            agent = try await withDeadline(Self.patience) { [agentOptions] in try await .taking(in: link, agentOptions)
            }
        } catch let error where !Task.isCancelled {
            reader.record.change { $0.agentFault = "\(error)" }
            return nil
        }
        do {
            try await withDeadline(Self.patience) {
                let session = agent.session
                try await link.writeFile(variables, to: WaitingAgent.variablesFile, user: Workspace.user)
                let offers = hasTool || !servers.isEmpty
                if offers { try await session.offer(hasTool: hasTool, servers: servers) }
                // Each run has a session of its own, and no two have the same.
                if state == .started {
                    try await session.renewRandomness()
                    try await session.forget()
                }
                // What it has said before, in its template and its pool, is no part of the run. Behind an answer it was read.
                if offers, state == .rehearsed { session.forgetUnread() } else { try await session.catchUp() }
            }
        } catch {
            await agent.session.abandon()
            if Task.isCancelled { throw error }
            reader.record.change { $0.agentFault = "\(error)" }
            return nil
        }
        reader.transcript.setOpen(true)
        let notes = findings.isRepository ? [] : [Self.repositoryNote]
        return try await reader.read(AgentPrompt(texts: notes + [prompt]), agent)
    }

    /// When it looked at its directory that was one.
    private static let repositoryNote =
        "<system-reminder>The working directory is not a git repository.</system-reminder>"
}

extension RunOptions {
    /// Why an agent is started for this; nil when one that waits will do.
    ///
    /// What is given to Claude Code when it starts can not be given to one that has started.
    var whyOwnAgent: String? {
        if maxTurns != nil { return "a limit of turns is given when the agent starts" }
        if model != nil { return "the model is chosen when the agent starts" }
        if systemPrompt?.isEmpty == false { return "a system prompt is given when the agent starts" }
        if !allowedTools.isEmpty || disallowedTools != WaitingAgent.disallowedTools {
            return "its tools are chosen when the agent starts"
        }
        if !environment.isEmpty { return "its variables are given when the agent starts" }
        if schema != nil, toolName != WaitingAgent.toolName { return "the result tool has a name of its own" }
        if directory != WaitingAgent.directory { return "the directory has a name of its own" }
        if (volumes ?? []).contains(where: { WaitingAgent.knows($0.path) }) {
            return "a volume takes the place of what the agent has looked at"
        }
        if cassette != nil { return "what is recorded or played must be the same each time" }
        guard let prompt = String(validating: prompt, as: UTF8.self) else { return "the prompt is no text" }
        // The agent would take it for one of its own commands.
        if prompt.hasPrefix("/") { return "the prompt begins like a command" }
        return nil
    }
}
