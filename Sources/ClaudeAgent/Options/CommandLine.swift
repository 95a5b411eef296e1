import Wire

extension AgentOptions {
    /// What can go wrong with options is found here, before anything is started.
    package func launch() throws(AgentError) -> AgentLaunch {
        var flags = FlagList()
        flags.add("output-format", "stream-json")
        flags.add("verbose")
        flags.add("input-format", "stream-json")
        addPrompts(to: &flags)
        addTools(to: &flags)
        addSession(to: &flags)
        addSurroundings(to: &flags)
        if let resultSchema { flags.add("json-schema", resultSchema.text()) }
        if let long = flags.tooLong {
            throw AgentError(.badOptions, "The value of '--\(long)' is longer than Linux allows an argument to be")
        }
        var environment = environment
        environment["CLAUDE_CODE_ENTRYPOINT"] = "sdk-swift"
        // Makes the program say when it is idle, which is how the end of a run is known.
        environment["CLAUDE_CODE_SDK_READS_SESSION_STATE"] = "1"
        environment["PWD"] = workingDirectory ?? environment["PWD"]
        if checkpointsFiles { environment["CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING"] = "true" }
        return AgentLaunch(
            arguments: flags.arguments + extraArguments.map { .text($0) },
            environment: environment,
            // Set by a Claude Code that this program may itself run in.
            removedVariables: ["CLAUDECODE"],
            workingDirectory: workingDirectory
        )
    }

    private func addPrompts(to flags: inout FlagList) {
        switch systemPrompt {
        case .empty: flags.add("system-prompt", "")
        case .text(let text): flags.add("system-prompt", text, orFile: "system-prompt-file")
        case .file(let path): flags.add("system-prompt-file", path)
        case .claudeCode(let text?): flags.add("append-system-prompt", text, orFile: "append-system-prompt-file")
        case .claudeCode(nil): break
        }
        flags.add("model", given: model)
        flags.add("fallback-model", given: fallbackModel)
        flags.add("effort", given: effort)
        flags.add("betas", list: betas)
        switch thinking {
        case .adaptive: flags.add("thinking", "adaptive")
        case .disabled: flags.add("thinking", "disabled")
        case .tokens(let count): flags.add("max-thinking-tokens", "\(count)")
        case nil: break
        }
        flags.add("max-turns", given: maxTurns.map { "\($0)" })
        flags.add("max-budget-usd", given: maxBudgetUSD.map { "\($0)" })
    }

    private func addTools(to flags: inout FlagList) {
        if let tools { flags.add("tools", tools.joined(separator: ",")) }
        flags.add("allowedTools", list: allowedTools)
        flags.add("disallowedTools", list: disallowedTools)
        flags.add("permission-mode", given: permissionMode?.rawValue)
        // The tool for questions exists for the agent only if there is somebody who can be asked.
        if canUseTool != nil || askUser != nil { flags.add("permission-prompt-tool", "stdio") }
        if !mcpServers.isEmpty {
            let servers = mcpServers.map { ($0.key, $0.value.configuration(name: $0.key)) }
            let members = Dictionary(servers, uniquingKeysWith: { first, _ in first })
            let text = (["mcpServers": .object(members)] as JSONValue).text()
            // Keys of servers must not be seen in the list of processes.
            if mcpServers.values.allSatisfy(\.isInProcess) {
                flags.add("mcp-config", text, orFile: "mcp-config")
            } else {
                flags.add("mcp-config", contents: text)
            }
        }
        if onlyGivenMCPServers { flags.add("strict-mcp-config") }
    }

    private func addSession(to flags: inout FlagList) {
        switch session {
        case .new: break
        case .named(let id): flags.add("session-id", id)
        case .latest(let fork):
            flags.add("continue")
            if fork { flags.add("fork-session") }
        case .resumed(let id, let fork, let message):
            flags.add("resume", id)
            if fork { flags.add("fork-session") }
            flags.add("resume-session-at", given: message)
        }
        if !isPersistent { flags.add("no-session-persistence") }
    }

    private func addSurroundings(to flags: inout FlagList) {
        for directory in additionalDirectories { flags.add("add-dir", directory) }
        for directory in plugins { flags.add("plugin-dir", directory) }
        if let settingSources { flags.add("setting-sources", settingSources.joined(separator: ",")) }
        if let settings { flags.add("settings", contents: settings.text()) }
        if includesPartialMessages { flags.add("include-partial-messages") }
        if includesHookEvents { flags.add("include-hook-events") }
    }
}

/// Flags in the form `--name=value`, in which no value can be taken for a flag or swallow what follows.
private struct FlagList {
    /// Linux allows 128 KiB; what is near that goes to a file.
    private static let limit = 100 * 1024

    private(set) var arguments: [AgentLaunch.Argument] = []
    private(set) var tooLong: String?

    mutating func add(_ name: String, _ value: String? = nil) {
        guard let value else { return arguments.append(.text("--\(name)")) }
        if value.utf8.count > Self.limit { tooLong = name }
        arguments.append(.text("--\(name)=\(value)"))
    }

    mutating func add(_ name: String, given value: String?) {
        if let value { add(name, value) }
    }

    mutating func add(_ name: String, list: [String]) {
        if !list.isEmpty { add(name, list.joined(separator: ",")) }
    }

    mutating func add(_ name: String, _ value: String, orFile fileName: String) {
        if value.utf8.count > Self.limit { add(fileName, contents: value) } else { add(name, value) }
    }

    mutating func add(_ name: String, contents: String) {
        arguments.append(.file(prefix: "--\(name)=", contents: Array(contents.utf8)))
    }
}
