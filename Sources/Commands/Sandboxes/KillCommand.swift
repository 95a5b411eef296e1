import Arguments
import RPC
import Wire

/// `martlet kill` and `martlet sandbox kill`.
enum KillCommand {
    static func command(aliases: [String] = [], in group: String? = nil) -> Command {
        let path = group == nil ? "martlet sandbox kill" : "martlet kill"
        return Command(
            "kill",
            aliases: aliases,
            summary: "End sandboxes",
            discussion:
                "Returns when nothing is left of them. The beginning of an id is enough where it is the only one.",
            examples: [.init("\(path) --all --metadata user=ana", "All sandboxes of one user")],
            options: [.flag("--all", short: "a", "End every sandbox, or every one that the filters leave")]
                + SandboxFilter.options,
            arguments: [Positional("ID", "The sandboxes", kind: .repeated(isRequired: false))],
            group: group,
            run: run
        )
    }

    @Sendable
    private static func run(_ invocation: Invocation) async throws -> Status {
        let isAll = invocation.flag("--all")
        let given = invocation.values("ID")
        let filter = try SandboxFilter(invocation)
        guard isAll != !given.isEmpty else {
            throw CommandsError(.unusableInput, "'\(invocation.path.text)' takes ids, or --all, and one of them")
        }
        guard isAll || !(invocation.isGiven("--state") || invocation.isGiven("--metadata")) else {
            throw CommandsError(.unusableInput, "'--state' and '--metadata' go with '--all', not with ids")
        }
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let ids =
            isAll
            ? try await daemon.client.call(ListSandboxes.self, Empty()).sandboxes.filter(filter.includes).map(\.id)
            : given
        return await Status.ofEach(ids) { id in
            do {
                _ = try await daemon.client.call(KillSandbox.self, SandboxReference(id: id))
            } catch let error as CallError where isAll && error.code == .notFound {
                // It ended by itself between the list and now.
            }
        }
    }
}
