import Arguments
import FoundationEssentials
import RPC
import Wire

/// The commands about running sandboxes, but for `exec`.
enum SandboxCommands {
    static let create = Command(
        "create",
        summary: "Make a sandbox and print its id",
        examples: [.init("martlet exec $(martlet create) -- uname -a", "Run a program in a new sandbox")],
        options: [
            SharedOptions.environment, .repeated("--metadata", "NAME=VALUE", "Note something about it"),
            .value("--timeout", "TIME", "End it after: 90s, 10m, 1h30m", default: .described("never")),
            SharedOptions.output,
        ],
        arguments: [Positional("TEMPLATE", "What to make it from; 'claude' when absent", kind: .optional)],
        group: "Sandboxes"
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let format = try SharedOptions.format(invocation)
        let request = CreateSandbox.Request(
            template: invocation.value("TEMPLATE") ?? "claude",
            environment: try SharedOptions.environment(invocation, surroundings),
            metadata: try SharedOptions.pairs("--metadata", invocation),
            lifetime: try invocation.duration("--timeout", in: .seconds(1) ... .seconds(365 * 86_400)).map {
                $0 / .seconds(1)
            }
        )
        let daemon = try await DaemonConnection.open(surroundings)
        let sandbox = try await daemon.client.call(CreateSandbox.self, request)
        try await Output.print(sandbox, as: format) { "\(sandbox.id)\n" }
        return .success
    }

    static let list = Command(
        "ls",
        aliases: ["list", "ps"],
        summary: "List the sandboxes",
        options: [SharedOptions.output],
        group: "Sandboxes"
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let sandboxes = try await daemon.client.call(ListSandboxes.self, Empty()).sandboxes
        try await Output.print(sandboxes, as: format) { table(sandboxes) }
        return .success
    }

    static func table(_ sandboxes: [SandboxInfo]) -> String {
        var table = Table("ID", "TEMPLATE", "ISOLATION", "CPUS", "MEMORY", "AGE", "ENDS IN", "METADATA")
        for sandbox in sandboxes {
            table.add(
                sandbox.id,
                sandbox.template,
                sandbox.isolation,
                "\(sandbox.processors)",
                "\(sandbox.memoryMiB) MiB",
                Readable.age(of: sandbox.created),
                sandbox.ends.map { Readable.age(seconds: $0.timeIntervalSinceNow) } ?? "-",
                sandbox.metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            )
        }
        return table.text
    }

    static let kill = Command(
        "kill",
        summary: "End sandboxes",
        discussion: "Returns when nothing is left of them. The beginning of an id is enough where it is the only one.",
        options: [.flag("--all", "End every sandbox")],
        arguments: [Positional("ID", "The sandboxes", kind: .repeated(isRequired: false))],
        group: "Sandboxes"
    ) { invocation in
        let isAll = invocation.flag("--all")
        let given = invocation.values("ID")
        guard isAll != !given.isEmpty else {
            throw CommandsError(.unusableInput, "'martlet kill' takes ids, or --all, and one of them")
        }
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let ids = isAll ? try await daemon.client.call(ListSandboxes.self, Empty()).sandboxes.map(\.id) : given
        return await each(ids) { id in
            do {
                _ = try await daemon.client.call(KillSandbox.self, SandboxReference(id: id))
            } catch let error as CallError where isAll && error.code == .notFound {
                // It ended by itself between the list and now.
            }
        }
    }

    /// Does the same to all, says which it could not be done to, and fails if there was one.
    static func each(_ ids: [String], _ body: (String) async throws -> Void) async -> Status {
        var status = Status.success
        for id in ids {
            do {
                try await body(id)
            } catch {
                await StandardStream.say("\(error)")
                status = .failure
            }
        }
        return status
    }

    static let logs = Command(
        "logs",
        summary: "Print the last of a sandbox's console",
        discussion: "The console has what the guest's kernel and its agent say, not what programs write.",
        arguments: [Positional("ID", "The sandbox")],
        group: "Sandboxes"
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let reference = SandboxReference(id: try invocation.required("ID"))
        let daemon = try await DaemonConnection.open(surroundings)
        let text = try await daemon.client.call(ReadConsole.self, reference).text
        try await StandardStream.output.write(surroundings.outputIsTerminal ? TerminalText.lines(text) : text)
        return .success
    }
}
