import Arguments
import FoundationEssentials
import Linux
import RPC
import Wire

/// `martlet logs` and `martlet sandbox logs`: what programs in a sandbox did and wrote.
enum LogsCommand {
    static func command(aliases: [String] = [], in group: String? = nil) -> Command {
        let path = group == nil ? "martlet sandbox logs" : "martlet logs"
        return Command(
            "logs",
            aliases: aliases,
            summary: "Print what a sandbox's programs did and wrote",
            discussion: """
                Starts and ends of the programs that were started from outside, and the lines they wrote: the newest of them, \
                and for a day after the sandbox's end. The console has what the guest's kernel and its agent say, not what \
                programs write.
                """,
            examples: [
                .init("\(path) --follow i3k9", "Watch it work"),
                .init("\(path) --format json --level error i3k9", "What went to standard error, for a program"),
            ],
            options: [
                .flag("--follow", short: "f", "Go on until the sandbox ends"),
                .value(
                    "--level",
                    "LEVEL",
                    "Only this and what is more serious: debug, info, warn or error",
                    completion: .values(LogLine.Level.allCases.map(\.rawValue))
                ), .value("--loggers", "NAMES", "Only of these, by the beginnings of their names, with commas"),
                .flag("--console", "The last of its console instead"), SharedOptions.output,
            ],
            exclusive: [["--console", "--follow"], ["--console", "--level"], ["--console", "--loggers"]],
            arguments: [SandboxOptions.sandbox],
            group: group,
            run: run
        )
    }

    @Sendable
    private static func run(_ invocation: Invocation) async throws -> Status {
        let surroundings = try Surroundings(invocation)
        let format = try SharedOptions.format(invocation)
        let filter = try LogLine.Filter(invocation)
        let reference = SandboxReference(id: try invocation.required("ID"))
        let daemon = try await DaemonConnection.open(surroundings)
        if invocation.flag("--console") { return try await printConsole(reference, daemon, surroundings, format) }
        var seen: UInt64 = 0
        while true {
            let request = ReadSandboxLogs.Request(id: reference.id, after: seen)
            let answer = try await daemon.client.call(ReadSandboxLogs.self, request)
            if let first = answer.entries.first, seen > 0, first.sequence > seen + 1 {
                await StandardStream.say("\(first.sequence - seen - 1) lines came too fast and were dropped")
            }
            for line in answer.entries.map(LogLine.init) where filter.includes(line) {
                try await StandardStream.output.write(line.rendered(as: format, surroundings))
            }
            seen = answer.entries.last?.sequence ?? seen
            if answer.entries.count >= request.limit { continue }
            if answer.hasEnded || !invocation.flag("--follow") { return .success }
            try await EventLoop.shared.sleep(for: .milliseconds(400))
        }
    }

    private static func printConsole(
        _ reference: SandboxReference,
        _ daemon: DaemonConnection,
        _ surroundings: Surroundings,
        _ format: OutputFormat
    ) async throws -> Status {
        let console = try await daemon.client.call(ReadConsole.self, reference)
        try await Output.print(console, as: format) {
            surroundings.outputIsTerminal ? TerminalText.lines(console.text) : console.text
        }
        return .success
    }
}
