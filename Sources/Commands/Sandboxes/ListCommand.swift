import Arguments
import FoundationEssentials
import Linux
import RPC
import Wire

/// `martlet ls`, `martlet sandbox list` and `martlet sandbox info`.
enum ListCommand {
    static func command(as name: String, aliases: [String], in group: String? = nil) -> Command {
        let path = group == nil ? "martlet sandbox \(name)" : "martlet \(name)"
        return Command(
            name,
            aliases: aliases,
            summary: "List the sandboxes",
            examples: [.init("\(path) --metadata user=ana --output json", "Those of one user, for a program")],
            options: SandboxFilter.options + [
                .value("--limit", "N", short: "l", "At most so many; 0 for all", default: "1000"),
                SharedOptions.output.accepting("-f"),
            ],
            group: group,
            run: run
        )
    }

    @Sendable
    private static func run(_ invocation: Invocation) async throws -> Status {
        let format = try SharedOptions.format(invocation)
        let filter = try SandboxFilter(invocation)
        let limit = try invocation.integer("--limit", in: 0 ... .max) ?? 0
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let all = try await daemon.client.call(ListSandboxes.self, Empty()).sandboxes.filter(filter.includes)
        let sandboxes = limit == 0 ? all : Array(all.prefix(limit))
        if sandboxes.isEmpty, format == .text {
            await StandardStream.say("no sandboxes found")
            return .success
        }
        try await Output.print(sandboxes, as: format) { table(sandboxes) }
        return .success
    }

    package static func table(_ sandboxes: [SandboxInfo]) -> String {
        var table = Table("ID", "TEMPLATE", "STATE", "ISOLATION", "CPUS", "MEMORY", "AGE", "ENDS IN", "METADATA")
        for sandbox in sandboxes {
            table.add(
                sandbox.id,
                sandbox.template,
                (sandbox.state ?? .running).rawValue,
                sandbox.isolation,
                "\(sandbox.processors)",
                "\(sandbox.memoryMiB) MiB",
                Readable.age(of: sandbox.created),
                left(sandbox),
                metadata(sandbox)
            )
        }
        return table.text
    }

    private static func left(_ sandbox: SandboxInfo) -> String {
        guard sandbox.state != .paused, let ends = sandbox.ends else { return "-" }
        return Readable.age(seconds: ends.timeIntervalSinceNow)
    }

    static let info = Command(
        "info",
        aliases: ["in"],
        summary: "Tell about a sandbox",
        options: [SharedOptions.output.accepting("-f")],
        arguments: [SandboxOptions.sandbox]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let reference = SandboxReference(id: try invocation.required("ID"))
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let sandbox = try await daemon.client.call(GetSandbox.self, reference)
        try await Output.print(sandbox, as: format) { facts(sandbox) }
        return .success
    }

    static func facts(_ sandbox: SandboxInfo) -> String {
        var facts = Facts()
        facts.add("ID", sandbox.id)
        facts.add("Template", sandbox.template)
        facts.add("State", (sandbox.state ?? .running).rawValue)
        facts.add("Created", sandbox.created.formatted(.iso8601))
        let isPaused = sandbox.state == .paused
        facts.add(isPaused ? "Paused" : "Saved", sandbox.saved?.formatted(.iso8601))
        facts.add("Ends", isPaused ? nil : sandbox.ends?.formatted(.iso8601) ?? "when it is ended")
        facts.add("Processors", "\(sandbox.processors)")
        facts.add("Memory", "\(sandbox.memoryMiB) MiB")
        facts.add("Isolation", sandbox.isolation)
        facts.add("Process", isPaused ? nil : "\(sandbox.processID)")
        facts.add("Metadata", sandbox.metadata.isEmpty ? nil : metadata(sandbox))
        return facts.text
    }

    private static func metadata(_ sandbox: SandboxInfo) -> String {
        sandbox.metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }
}
