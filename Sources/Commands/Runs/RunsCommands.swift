import Arguments
import Linux
import RPC
import Wire

/// `martlet runs`: what earlier runs left.
enum RunsCommands {
    static let command = Command(
        "runs",
        summary: "List and show runs",
        options: listOptions,
        subcommands: [list, show, transcript, cancel, remove],
        run: runList
    )

    private static let listOptions: [Option] = [
        .value("--limit", "N", short: "n", "How many to list, the newest first", default: "20"), SharedOptions.output,
    ]

    private static let list = Command(
        "ls",
        aliases: ["list"],
        summary: "List runs, the newest first",
        options: listOptions,
        run: runList
    )

    @Sendable private static func runList(_ invocation: Invocation) async throws -> Status {
        let format = try SharedOptions.format(invocation)
        let limit = try invocation.integer("--limit", in: 1...10_000) ?? 20
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let runs = try await daemon.client.call(ListRuns.self, ListRuns.Request(limit: limit)).runs
        try await Output.print(runs, as: format) { table(runs) }
        return .success
    }

    static func table(_ runs: [RunReport]) -> String {
        var table = Table("ID", "OUTCOME", "TURNS", "COST", "TIME", "AGE", "PROMPT")
        for run in runs {
            table.add(
                run.id,
                run.outcome?.rawValue ?? "running",
                "\(run.turns)",
                run.costUSD.map(Readable.dollars) ?? "-",
                run.outcome == nil ? "-" : Readable.time(milliseconds: run.durations.total),
                Readable.age(of: run.created),
                TerminalText.clipped(TerminalText.line(run.prompt), to: 50)
            )
        }
        return table.text
    }

    private static let show = Command(
        "show",
        summary: "Show a run's report",
        discussion: "The beginning of an id is enough where it is the only one.",
        options: [SharedOptions.output],
        arguments: [Positional("ID", "The run")]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let reference = RunReference(id: try invocation.required("ID"))
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let report = try await daemon.client.call(GetRun.self, reference)
        try await Output.print(report, as: format) { text(report) }
        return .success
    }

    static func text(_ report: RunReport) -> String {
        var facts = Facts()
        facts.add("Run", report.id)
        facts.add("Outcome", report.outcome?.rawValue ?? "running")
        facts.add("Error", report.error?.message)
        facts.add("Prompt", TerminalText.clipped(TerminalText.line(report.prompt), to: 200))
        facts.add("Goes on with", report.resumedFrom)
        facts.add("Template", "\(report.template), \(report.isolation)")
        facts.add("Sandbox", report.sandboxID.map { report.kept ? "\($0), still running" : $0 })
        facts.add("Model", report.model)
        facts.add("Session", report.sessionID)
        facts.add("Turns", "\(report.turns)")
        facts.add(
            "Tokens",
            "\(report.usage.inputTokens) in, \(report.usage.outputTokens) out, \(report.usage.total) in all"
        )
        facts.add("Cost", report.costUSD.map(Readable.dollars))
        let durations = report.durations
        let steps = [
            ("create", durations.create), ("copy in", durations.copyIn), ("agent", durations.agent),
            ("repair", durations.repair), ("collect", durations.collect), ("teardown", durations.teardown),
        ]
        let parts = steps.filter { $0.1 > 0 }.map { "\($0.0) \(Readable.time(milliseconds: $0.1))" }
        let total = Readable.time(milliseconds: durations.total)
        facts.add("Time", parts.isEmpty ? total : "\(total): \(parts.joined(separator: ", "))")
        let tools = report.toolCalls.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        facts.add("Tools", tools.isEmpty ? nil : tools.joined(separator: ", "))
        facts.add("Attempts", report.attempts.isEmpty ? nil : attempts(report.attempts))
        facts.add("Changes", report.diff.map(changes))
        for artifact in report.artifacts {
            facts.add("Artifact", artifact.file ?? "\(artifact.path): \(artifact.error ?? "")")
        }
        for warning in report.warnings { facts.add("Note", warning) }
        facts.add("Transcript", report.transcript)
        let result = RunSummary.result(report, isTerminal: true).map { "\n\($0)" } ?? ""
        return facts.text + result
    }

    private static func attempts(_ attempts: [RunReport.Attempt]) -> String {
        let refused = attempts.filter { !$0.isValid }.count
        return refused == 0 ? "\(attempts.count)" : "\(attempts.count), \(refused) refused"
    }

    private static func changes(_ diff: String) -> String {
        let files = diff.split(separator: "\n").filter { $0.hasPrefix("diff --git ") }.count
        return files == 0 ? "none" : "\(Readable.plural(files, "file")); --output json has the patch"
    }

    private static let transcript = Command(
        "transcript",
        summary: "Print the agent's own events, one JSON object a line",
        arguments: [Positional("ID", "The run")]
    ) { invocation in
        let reference = RunReference(id: try invocation.required("ID"))
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        try await daemon.client.stream(ReadTranscript.self, reference) { events in
            while let event = try await events.next() {
                try await StandardStream.output.write(event.encoded() + [0x0A])
            }
        }
        return .success
    }

    private static let cancel = Command(
        "cancel",
        summary: "Stop runs that go on",
        arguments: [Positional("ID", "The runs", kind: .repeated(isRequired: true))]
    ) { invocation in
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        return await Status.ofEach(invocation.values("ID")) { id in
            _ = try await daemon.client.call(CancelRun.self, RunReference(id: id))
        }
    }

    private static let remove = Command(
        "rm",
        aliases: ["remove"],
        summary: "Remove what runs left",
        arguments: [Positional("ID", "The runs", kind: .repeated(isRequired: true))]
    ) { invocation in
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        return await Status.ofEach(invocation.values("ID")) { id in
            _ = try await daemon.client.call(RemoveRun.self, RunReference(id: id))
        }
    }
}
