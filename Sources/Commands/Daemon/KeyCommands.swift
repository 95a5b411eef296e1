import Arguments
import FoundationEssentials
import RPC
import Wire

/// `martlet key`: who may use this installation over the network.
enum KeyCommands {
    static let command = Command(
        "key",
        aliases: ["keys"],
        summary: "Make, list and remove API keys",
        discussion: """
            Each key has an owner. Owners see their own sandboxes alone; they share templates. The installation's own key, \
            which 'martlet env' prints, is there from the start. A key may have a budget for the models that are used with it: in \
            its runs, and in the sandboxes that it makes.
            """,
        subcommands: [create, list, budget, remove],
        group: "Daemon"
    )

    private static let create = Command(
        "create",
        summary: "Make a key and print it, once",
        discussion: "A key with a budget makes no other keys.",
        examples: [
            .init("martlet key create --owner team-a laptop", "A key for others, who see only what is theirs"),
            .init(
                "martlet key create --owner team-a --max-cost-per-day 5 ci",
                "With at most 5 dollars a day for models"
            ),
        ],
        options: [
            .value("--owner", "NAME", "Whose it is", default: .described("this installation's own"))
        ] + BudgetOptions.all + [SharedOptions.output],
        arguments: [Positional("NAME", "To tell it from the others")]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let request = CreateKey.Request(
            name: try invocation.required("NAME"),
            owner: invocation.value("--owner"),
            budget: try BudgetOptions.budget(invocation)
        )
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let made = try await daemon.client.call(CreateKey.self, request)
        try await Output.print(made, as: format) { "\(made.key)\n" }
        return .success
    }

    private static let list = Command(
        "list",
        aliases: ["ls"],
        summary: "List the keys, without what opens anything",
        options: [SharedOptions.output]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let keys = try await daemon.client.call(ListKeys.self, Empty()).keys
        try await Output.print(keys, as: format) { table(keys) }
        return .success
    }

    static func table(_ keys: [KeyInfo]) -> String {
        var table = Table("ID", "OWNER", "NAME", "KEY", "AGE", "LAST USED", "BUDGET")
        for key in keys {
            table.add(
                key.id,
                key.owner,
                key.name,
                key.mask,
                Readable.age(of: key.created),
                key.lastUsed.map { "\(Readable.age(of: $0)) ago" } ?? "never",
                BudgetOptions.text(key.budget)
            )
        }
        return table.text
    }

    private static let budget = Command(
        "budget",
        summary: "Set what a key may spend on models",
        discussion: """
            All of it anew: what is not named is not limited any more. What the key has spent before counts. 'martlet usage --by \
            key' tells how much that is.
            """,
        examples: [
            .init("martlet key budget 1c9f… --max-cost-per-day 10", "At most 10 dollars a day, and no other limit")
        ],
        options: BudgetOptions.all + [SharedOptions.output],
        arguments: [Positional("ID", "As 'martlet key list' shows it")]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let request = SetKeyBudget.Request(
            id: try invocation.required("ID"),
            budget: try BudgetOptions.budget(invocation)
        )
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let key = try await daemon.client.call(SetKeyBudget.self, request)
        try await Output.print(key, as: format) { table([key]) }
        return .success
    }

    private static let remove = Command(
        "rm",
        aliases: ["remove", "delete"],
        summary: "Remove keys; they open nothing any more",
        discussion: "Sandboxes that were made with a key stay its owner's, and have no model any more.",
        arguments: [Positional("ID", "As 'martlet key list' shows it", kind: .repeated(isRequired: true))]
    ) { invocation in
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        return await Status.ofEach(invocation.values("ID")) { id in
            _ = try await daemon.client.call(RemoveKey.self, RemoveKey.Request(id: id))
        }
    }
}
