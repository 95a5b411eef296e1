// Claude Code that was started before anybody needed it, and waits for its first message.
//
//     template `claude` ─► machine ─► agent started ─► rehearsed ─► its conversation forgotten ─► released, saved     once
//     pool                          machine ─► rehearsed, forgotten, released ─► paused                               ahead of a run
//     run                           identity ─► what differs for this run ─► the message                              at once
//
// Its start is most of what a run waits for: seconds where guests are translated. The process is part of the template's memory, so
// every run shares its pages. While the guest is nobody's it stands still, and goes on when there is new randomness and the time is
// right. What a run may want of it is said on its standard input; what can only be said when it starts makes a run start its own.

import ClaudeAgent
import FoundationEssentials
import GuestLink
import HTTP
import Linux
import RPC
import Wire

/// The agent that waits in a template's guest.
package enum WaitingAgent {
    /// Raised when what is saved would not do for this version.
    static let version = "agent 2"
    package static let tag = "martlet-agent"
    /// The name of a run's working directory, in which it was started.
    package static let directory = "workspace"
    package static let server = "martlet"
    package static let toolName = "submit_result"
    /// How it is told of an MCP server.
    static func server(at url: String) -> JSONValue { ["type": "http", "url": .string(url)] }

    /// The tools that only keep lists use up turns.
    package static let disallowedTools = ["Task", "TodoWrite"]

    /// What a run without a person needs besides the way to its model: one result, tools at hand, failures that come soon.
    package static let environment = [
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
        "ENABLE_TOOL_SEARCH": "false",
        "CLAUDE_CODE_MAX_RETRIES": "3",
        "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    ]

    /// Lines of shell that come before its first command in a session: what is known of a sandbox only when it is there.
    package static let variablesFile = "\(folder)/variables"
    /// Where Martlet keeps its files in the guest, away from the agent's working directory.
    static let folder = "/tmp/.martlet"

    private static let ownEnvironment = environment.merging(["CLAUDE_ENV_FILE": variablesFile]) { $1 }

    /// Where it has looked before there was a run.
    private static let knownPlaces = ["/home/user/\(directory)", "/home/user/.claude", "/etc/claude-code"]

    /// Whether what is mounted at `path` would hide what it knows, or change it.
    package static func knows(_ path: String) -> Bool {
        let path = "/" + path.split(separator: "/").map { "\($0)/" }.joined()
        return knownPlaces.contains { "\($0)/".hasPrefix(path) }
            || knownPlaces.dropFirst().contains { path.hasPrefix("\($0)/") }
    }

    /// Added to its own system prompt. Whether there will be a result to hand over is not known yet.
    private static let systemPrompt = """
        You work without a person watching; nobody can answer questions. If you have the tool mcp__\(server)__\(toolName), then \
        when your work is done hand over its result by calling it. Only what you pass to that tool counts as your answer then. If \
        the tool says that something is wrong, mend it and call it again.
        """

    private static let arguments =
        [
            "--print", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose",
            "--strict-mcp-config", "--mcp-config", #"{"mcpServers":{}}"#, "--dangerously-skip-permissions",
            "--disallowedTools",
        ] + disallowedTools

    /// All that shapes it; part of the template's key.
    package static var recipe: String {
        ([version, systemPrompt, CannedModel.name] + arguments + ownEnvironment.map { "\($0)=\($1)" }.sorted())
            .joined(separator: "\n")
    }

    // MARK: In a template

    /// Starts it, as `user`, and waits until it has finished a turn and forgotten it.
    package static func start(in guest: GuestLink, user: String) async throws {
        let home = "/home/\(user)"
        // Whether its directory is a repository is looked up once, and most are.
        try await shell("mkdir -p \(directory) && git init -q \(directory)", in: guest, user, home)
        var command = GuestLink.Command(
            "claude",
            arguments,
            user: user,
            environment: ownEnvironment,
            directory: "\(home)/\(directory)"
        )
        command.tag = tag
        command.spool = true
        command.isService = true
        try await guest.start(command, openInput: true) { events in
            guard try await events.next()?.event.start != nil else {
                throw SandboxError(.startFailed, "Claude Code was not started")
            }
        }
        try await rehearse(in: guest, [CannedModel.farewell, CannedModel.briefly], isFirst: true)
        try await shell("rm -rf \(directory)/.git", in: guest, user, home)
    }

    private static func shell(_ line: String, in guest: GuestLink, _ user: String, _ home: String) async throws {
        let done = try await guest.run(GuestLink.Command("/bin/sh", ["-c", line], user: user, directory: home))
        guard done.status == 0 else {
            throw SandboxError(.startFailed, "The agent's directory was not prepared: \(done.errorText)")
        }
    }

    // MARK: In a machine that waits

    /// Lets it answer a message, so that what a run begins with has been done once in this machine, and forget it.
    static func rehearse(in guest: GuestLink) async throws {
        try await rehearse(in: guest, [CannedModel.briefly], isFirst: false)
    }

    private static func rehearse(in guest: GuestLink, _ prompts: [String], isFirst: Bool) async throws {
        let model = HTTPServer { exchange in try await CannedModel.answer(exchange) }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await guest.serveTunnels(4) { _, stream in await model.serve(stream) }
                return false
            }
            group.addTask {
                try await converse(with: guest) { session in
                    if isFirst {
                        try await session.request("initialize", ["appendSystemPrompt": .string(systemPrompt)])
                    }
                    for prompt in prompts {
                        try await session.offerTool()
                        let end = try await session.ask(AgentPrompt(texts: [prompt]))
                        guard end.text?.contains(CannedModel.farewell) == true else {
                            throw SandboxError(.startFailed, "Claude Code answers its rehearsal with \(end.raw.text())")
                        }
                        try await session.withdrawTools()
                        try await session.renewRandomness()
                        try await session.forget()
                    }
                }
                return true
            }
            defer { group.cancelAll() }
            guard try await group.next() == true else {
                throw SandboxError(.startFailed, "The guest ended the rehearsal")
            }
        }
    }

    /// Speaks with the one that waits in a guest, and leaves it waiting.
    private static func converse(
        with guest: GuestLink,
        _ body: (AgentSession) async throws -> Void
    ) async throws {
        let session = try await GuestSession.joining(tag, in: guest, isOwn: false).session
        do {
            try await body(session)
            await session.abandon()
        } catch {
            await session.abandon()
            throw error
        }
    }
}
