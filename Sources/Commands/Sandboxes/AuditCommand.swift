import Arguments
import RPC
import Wire

/// `martlet sandbox audit`: what was done to a sandbox and what it did, as it was written down.
enum AuditCommand {
    static let command = Command(
        "audit",
        summary: "Print or check the audit log of a sandbox",
        discussion: """
            Each line's hash is over the line and the hash before it, and the last one's is kept apart once the sandbox has \
            ended: a log that was changed or cut short is refused, with the number of the first line that is wrong. Logs stay \
            for a month.
            """,
        examples: [
            .init("martlet sandbox audit i3k9", "What happened, the oldest first"),
            .init("martlet sandbox audit --verify i3k9zq0a1b2c3d4e5f6g7", "Whether the log is as it was written"),
        ],
        options: [.flag("--verify", "Print no lines, only what the check found"), SharedOptions.output],
        arguments: [Positional("ID", "The sandbox; the whole id of one that has ended")]
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let format = try SharedOptions.format(invocation)
        let id = try invocation.required("ID")
        let verifies = invocation.flag("--verify")
        let daemon = try await DaemonConnection.open(surroundings)
        var last: AuditLine?
        while true {
            let request = ReadSandboxAudit.Request(id: id, after: last?.number ?? 0)
            let lines = try await daemon.client.call(ReadSandboxAudit.self, request).lines
            for line in lines where !verifies {
                try await StandardStream.output.write(
                    format == .json ? Output.jsonLine(line) : text(line, surroundings)
                )
            }
            guard let newest = lines.last else { break }
            last = newest
        }
        guard verifies else { return .success }
        let found = Finding(lines: last?.number ?? 0, hash: last?.hash)
        try await Output.print(found, as: format) {
            "\(found.lines) lines, as they were written; the last is \(found.hash ?? "none")\n"
        }
        return .success
    }

    private struct Finding: Encodable {
        let lines: Int
        let hash: String?
    }

    private static func text(_ line: AuditLine, _ surroundings: Surroundings) -> String {
        let style = surroundings.outputStyle
        let facts = line.facts.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.string ?? $0.value.text())" }
        let said = TerminalText.line(facts.joined(separator: " "))
        return "\(style.dim(line.time)) \(line.event) \(said)\n"
    }
}
