import Arguments
import FoundationEssentials
import Linux
import RPC
import Wire

/// `martlet sandbox network`: what a sandbox may reach, and what it tried to.
enum NetworkCommand {
    static let command = Command(
        "network",
        aliases: ["net"],
        summary: "Print what a sandbox tried to reach, or change what it may",
        discussion: """
            One line for each name that was looked up and each connection that was tried: when, whether it was allowed, where \
            to, and by which rule. With --allow or --deny the rules about what it may reach are replaced, with --header those \
            about its requests, with --reset both; at once, and also for connections that are open.
            """,
        examples: [
            .init("martlet sandbox network --follow i3k9", "Watch what it reaches for"),
            .init(
                "martlet sandbox network i3k9 --allow pypi.org --allow '*.pythonhosted.org:443'",
                "Let it reach these alone"
            ),
            .init(
                "martlet sandbox network i3k9 --header 'api.example.com/v1/* Authorization: Bearer ${secret:example}'",
                "Let it ask there, with a key that it does not have"
            ),
            .init(
                "martlet sandbox network i3k9 --header 'POST api.example.com [X-Team: a] X-Key: ${placeholder:example}'",
                "Put the key in place of 'martlet-secret-example', where its own X-Key says so"
            ),
        ],
        options: [
            .flag("--follow", short: "f", "Go on until the sandbox ends"), SandboxOptions.allow, SandboxOptions.deny,
            SandboxOptions.header, SandboxOptions.git,
            .flag("--reset", "Go back to what the daemon gives every sandbox"),
            SharedOptions.output,
        ],
        exclusive: [
            ["--reset", "--allow"], ["--reset", "--deny"], ["--reset", "--header"], ["--reset", "--git"],
            ["--reset", "--follow"],
        ],
        arguments: [SandboxOptions.sandbox]
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let format = try SharedOptions.format(invocation)
        let id = try invocation.required("ID")
        let daemon = try await DaemonConnection.open(surroundings)
        let (allow, deny) = (invocation.values("--allow"), invocation.values("--deny"))
        let headers = invocation.flag("--reset") ? [] : invocation.list("--header")
        let git = invocation.flag("--reset") ? [] : invocation.list("--git")
        if !allow.isEmpty || !deny.isEmpty || headers != nil || git != nil {
            let request = SetSandboxNetwork.Request(id: id, allow: allow, deny: deny, headers: headers, git: git)
            let policy = try await daemon.client.call(SetSandboxNetwork.self, request)
            if !invocation.flag("--follow") {
                try await Output.print(policy, as: format) { text(policy) }
                return .success
            }
        }
        return try await printEvents(id, daemon, surroundings, format, follows: invocation.flag("--follow"))
    }

    private static func printEvents(
        _ id: String,
        _ daemon: DaemonConnection,
        _ surroundings: Surroundings,
        _ format: OutputFormat,
        follows: Bool
    ) async throws -> Status {
        var seen: UInt64 = 0
        var policy: NetworkPolicy?
        while true {
            let answer: ReadSandboxNetwork.Response
            do {
                answer = try await daemon.client.call(ReadSandboxNetwork.self, .init(id: id, after: seen))
            } catch let error as CallError where error.code == .notFound && policy != nil {
                // It has ended while it was watched.
                return .success
            }
            if format == .text, answer.policy != policy {
                try await StandardStream.output.write(text(answer.policy))
            }
            policy = answer.policy
            for event in answer.events {
                let line = format == .json ? try Output.jsonLine(event) : Self.line(event, surroundings)
                try await StandardStream.output.write(line)
            }
            seen = answer.events.last?.sequence ?? seen
            if answer.events.count >= ReadSandboxNetwork.Request.limit { continue }
            if !follows { return .success }
            try await EventLoop.shared.sleep(for: .milliseconds(400))
        }
    }

    static func text(_ policy: NetworkPolicy) -> String {
        var facts = Facts()
        if !policy.allow.isEmpty { facts.add("Allowed", policy.allow.joined(separator: ", ")) }
        if !policy.deny.isEmpty { facts.add("Denied", policy.deny.joined(separator: ", ")) }
        if let headers = policy.headers { facts.add("Requests", headers.joined(separator: "; ")) }
        if let git = policy.git { facts.add("Git", git.joined(separator: "; ")) }
        facts.add("All else", policy.allowsOthers ? "allowed, if it is in the public internet" : "denied")
        return facts.text
    }

    static func line(_ event: NetworkEvent, _ surroundings: Surroundings) -> String {
        let style = surroundings.outputStyle
        let time = event.time.formatted(.iso8601WithMilliseconds)
        var place = event.name ?? event.address ?? "?"
        if let port = event.port { place += ":\(port)" }
        if event.name != nil, let address = event.address { place += " (\(address))" }
        let verdict = event.isAllowed ? style.green("allowed") : style.red("denied ")
        let what =
            switch event.kind {
            case .question: "looked up"
            case .connection: "connection to"
            case .changed: "changed"
            case .misplaced: "placeholder to"
            case .unreachable: "nobody at"
            case .ended: "end of"
            case .cut: "cut off from"
            }
        var line = "\(style.dim(time)) \(verdict) \(what) \(place)"
        if let sent = event.sent, let received = event.received {
            line += ", \(Readable.bytes(Int64(sent))) out, \(Readable.bytes(Int64(received))) in"
        }
        if let error = event.error { line += ": \(TerminalText.line(error))" }
        return "\(line) \(style.dim("by \(event.reason)"))\n"
    }
}
