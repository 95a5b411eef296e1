import Arguments
import FoundationEssentials
import HTTP
import RPC
import Wire

/// `martlet sandbox terminals`: the terminals of a sandbox.
enum TerminalsCommand {
    static let command = Command(
        "terminals",
        aliases: ["tt"],
        summary: "List the terminals of a sandbox",
        discussion: "Those that run, and those that have ended not long ago, whose last screen can still be looked at.",
        examples: [
            .init("martlet sandbox terminals i3k9", "What 'connect --session' comes back to"),
            .init("martlet sandbox terminals i3k9 --end main", "Hang up on one; it is killed if it takes no notice"),
        ],
        options: [
            .value("--end", "NAME", "End the terminal of that name or process id"),
            .value("--user", "NAME", short: "u", "Only those of this user"), SharedOptions.output,
        ],
        arguments: [SandboxOptions.sandbox]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let (_, client) = try await SandboxOptions.reach(invocation, daemon)
        let user = invocation.value("--user")
        if let name = invocation.value("--end") {
            let ended = try await client.endTerminal(name, of: user)
            try await Output.print([ended], as: format) { table([ended]) }
            return .success
        }
        let terminals = try await client.terminals(of: user)
        if terminals.isEmpty, format == .text {
            await StandardStream.say("no terminals found")
            return .success
        }
        try await Output.print(terminals, as: format) { table(terminals) }
        return .success
    }

    static func table(_ terminals: [TerminalInfo]) -> String {
        var table = Table("SESSION", "NAME", "STATE", "SIZE", "CLIENTS", "USER", "AGE", "PROGRAM")
        for terminal in terminals {
            table.add(
                "\(terminal.sessionId)",
                terminal.slug ?? "-",
                terminal.exitCode.map { "ended with \($0)" } ?? "running",
                "\(terminal.cols)x\(terminal.rows)",
                "\(terminal.clients ?? 0)",
                terminal.linuxUser ?? "-",
                Readable.age(of: Date(timeIntervalSince1970: Double(terminal.createdUnix))),
                TerminalText.line((terminal.command ?? []).joined(separator: " "))
            )
        }
        return table.text
    }
}
