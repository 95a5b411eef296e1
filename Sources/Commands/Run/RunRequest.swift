import Arguments
import FoundationEssentials
import Glibc
import Linux
import Wire

/// All that one `martlet run` is asked for, checked as far as it can be before anything is started.
struct RunRequest: Sendable {
    /// Where the working directory comes from.
    enum Source: Sendable, Hashable {
        case none
        case directory(String)
        case repository(url: String, ref: String?)
    }

    enum Format: String, Sendable, CaseIterable {
        case text
        case json
        /// The agent's own events, one a line.
        case streamJSON = "stream-json"
    }

    var options: RunOptions
    var source: Source
    var takesAllFiles: Bool
    var format: Format
    /// Where the diff goes; `-` is standard output.
    var diff: String?
    var artifactsDirectory: String?
    var isQuiet: Bool

    init(_ invocation: Invocation, _ surroundings: Surroundings) async throws {
        format = try invocation.choice("--output", as: Format.self) ?? .text
        diff = invocation.value("--diff")
        artifactsDirectory = invocation.value("--artifacts-dir")
        isQuiet = invocation.flag("--quiet")
        takesAllFiles = invocation.flag("--all-files")
        source = Self.source(invocation)
        try Self.checkCompanions(invocation)
        if diff == "-", format != .text {
            throw CommandsError(
                .unusableInput,
                "'--diff -' and '--output \(format.rawValue)' both want standard output; write the diff to a file"
            )
        }
        if format == .streamJSON, invocation.isGiven("--best-of") {
            throw CommandsError(.unusableInput, "The events of several agents make no one stream; use '--output json'")
        }
        for place in [diff == "-" ? nil : diff, artifactsDirectory].compactMap({ $0 }) { try Self.checkPlace(place) }
        let schema = try invocation.value("--schema").map(SchemaArgument.read)
        let prompt = try Prompt(
            argument: invocation.value("PROMPT"),
            file: invocation.value("--prompt-file"),
            inputIsTerminal: surroundings.inputIsTerminal
        )
        options = RunOptions(prompt: Data())
        options.schema = schema
        try fill(invocation)
        options.cassette = try Self.cassette(invocation)
        options.environment = try SharedOptions.environment(invocation, surroundings)
        options.volumes = try SandboxOptions.volumes(invocation)
        options.servers = try ServersArgument.read(invocation)
        options.systemPrompt = try Self.systemPrompt(invocation)
        // Last, since it may wait for whoever writes it.
        options.prompt = Data(try await prompt.read())
    }

    private mutating func fill(_ invocation: Invocation) throws {
        options.toolName = invocation.value("--tool-name") ?? options.toolName
        options.toolDescription = invocation.value("--tool-description")
        options.repairAttempts = try invocation.integer("--repair-attempts", in: 0...20) ?? options.repairAttempts
        options.maxTurns = try invocation.integer("--max-turns", in: 1...100_000)
        if let limit = try invocation.duration("--timeout", in: .seconds(1) ... .seconds(7 * 86_400)) {
            options.timeout = limit / .seconds(1)
        }
        options.maxCostUSD = try invocation.decimal("--max-cost", in: 0.0001...1_000_000)
        options.maxTokens = try invocation.integer("--max-tokens", in: BudgetOptions.tokens)
        options.model = invocation.value("--model")
        options.template = invocation.value("--template") ?? options.template
        options.allowedTools =
            invocation.values("--allow-tool") + invocation.values("--allowed-tools").flatMap(ToolNames.split)
        let refused =
            invocation.values("--disallow-tool") + invocation.values("--disallowed-tools").flatMap(ToolNames.split)
        options.disallowedTools = options.disallowedTools.filter { !options.allowedTools.contains($0) }
        options.disallowedTools += refused.filter { !options.disallowedTools.contains($0) }
        options.allow = invocation.list("--allow")
        options.deny = invocation.list("--deny")
        options.headers = invocation.list("--header")
        options.git = invocation.list("--git")
        options.keep = invocation.flag("--keep")
        options.resume = invocation.value("--resume")
        options.artifacts = invocation.values("--artifact")
        options.bestOf = try invocation.integer("--best-of", in: 1...16)
        options.judge =
            invocation.value("--judge").map { .command($0) } ?? invocation.value("--judge-prompt").map { .prompt($0) }
    }

    private static func cassette(_ invocation: Invocation) throws -> CassetteChoice? {
        if let path = invocation.value("--record") {
            try checkPlace(path)
            return CassetteChoice(path: Surroundings.absolute(path), mode: .record)
        }
        guard let path = invocation.value("--replay") else { return nil }
        let mode: CassetteChoice.Mode = invocation.flag("--record-missing") ? .hybrid : .replay
        guard Files.exists(path) else {
            throw CommandsError(.unusableInput, "There is no cassette '\(path)'; make one with --record")
        }
        guard mode == .replay || Files.isDirectory(path) else {
            throw CommandsError(.unusableInput, "'\(path)' is no folder, so nothing can be recorded to it")
        }
        return CassetteChoice(path: Surroundings.absolute(path), mode: mode)
    }

    private static func source(_ invocation: Invocation) -> Source {
        if let directory = invocation.value("--dir") { return .directory(directory) }
        if let url = invocation.value("--repo") { return .repository(url: url, ref: invocation.value("--ref")) }
        return .none
    }

    /// Options that mean something only beside another.
    private static func checkCompanions(_ invocation: Invocation) throws {
        let companions = [
            ("--ref", ["--repo"]), ("--all-files", ["--dir", "--repo"]), ("--tool-name", ["--schema"]),
            ("--tool-description", ["--schema"]), ("--repair-attempts", ["--schema"]),
            ("--artifacts-dir", ["--artifact"]), ("--judge", ["--best-of"]), ("--judge-prompt", ["--best-of"]),
            ("--record-missing", ["--replay"]),
        ]
        for (option, needed) in companions
        where invocation.isGiven(option) && !needed.contains(where: invocation.isGiven) {
            throw CommandsError(
                .unusableInput,
                "'\(option)' has no meaning without '\(needed.joined(separator: "' or '"))'"
            )
        }
    }

    /// A place to write to must be there when the work is done; it is too late to say so then.
    private static func checkPlace(_ path: String) throws {
        let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        guard Files.isDirectory(parent), access(parent, W_OK) == 0 else {
            throw CommandsError(.unusableInput, "'\(path)' can not be written: '\(parent)' is no directory to write in")
        }
    }

    private static func systemPrompt(_ invocation: Invocation) throws -> String? {
        guard let path = invocation.value("--system-prompt-file") else { return invocation.value("--system-prompt") }
        do {
            return String(decoding: try Files.read(path), as: UTF8.self)
        } catch {
            throw CommandsError(.unusableInput, "The system prompt could not be read", cause: error)
        }
    }
}
