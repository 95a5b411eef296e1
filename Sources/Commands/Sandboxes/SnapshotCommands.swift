import Arguments
import RPC
import Wire

/// `martlet snapshot`, also below `sandbox`: sandboxes as they were once, for making others of them.
enum SnapshotCommands {
    static let group = Command(
        "snapshot",
        summary: "Keep sandboxes as they are, and make others of them",
        examples: [
            .init("martlet snapshot create i3k9 --name before-upgrade", "Keep one as it is now"),
            .init("martlet create before-upgrade", "Make another that goes on from there"),
            .init("martlet snapshot export before-upgrade ./before.martlet", "One file, for keeping elsewhere"),
        ],
        subcommands: [create, list, remove, export, importing],
        group: "Sandboxes"
    )

    private static let create = Command(
        "create",
        summary: "Keep a sandbox as it is now, and print the snapshot's id",
        discussion:
            "The sandbox stands still for some milliseconds and goes on. A snapshot that had the name is removed. With "
            + "'--files-only' its processes and its memory are not kept: what is made of it boots on its disk.",
        examples: [
            .init("martlet snapshot create i3k9 --name before-upgrade", "For 'martlet create before-upgrade'")
        ],
        options: [
            .value("--name", "NAME", short: "n", "What sandboxes are made from it by"),
            .flag("--files-only", "Keep the disk and nothing of the memory"), SharedOptions.output,
        ],
        arguments: [SandboxOptions.sandbox]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let request = KeepSandbox.Request(
            id: try invocation.required("ID"),
            name: invocation.value("--name"),
            memory: invocation.flag("--files-only") ? false : nil
        )
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let snapshot = try await daemon.client.call(KeepSandbox.self, request)
        try await Output.print(snapshot, as: format) { "\(snapshot.id)\n" }
        return .success
    }

    private static let list = Command(
        "list",
        aliases: ["ls"],
        summary: "List the snapshots",
        examples: [.init("martlet snapshot list --output json", "For a program")],
        options: [SharedOptions.output]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let snapshots = try await daemon.client.call(ListSnapshots.self, Empty()).snapshots
        try await Output.print(snapshots, as: format) {
            var table = Table("ID", "NAME", "TEMPLATE", "OF", "AGE")
            for one in snapshots {
                table.add(one.id, one.name ?? "-", one.template, one.sandbox, Readable.age(of: one.created))
            }
            return table.text
        }
        return .success
    }

    private static let remove = Command(
        "rm",
        aliases: ["delete"],
        summary: "Remove snapshots",
        examples: [.init("martlet snapshot rm before-upgrade", "Sandboxes made from it go on")],
        arguments: [Positional("NAME", "The snapshots, by name or id", kind: .repeated(isRequired: true))]
    ) { invocation in
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        return await Status.ofEach(invocation.values("NAME")) { name in
            _ = try await daemon.client.call(RemoveSnapshot.self, .init(name: name))
        }
    }

    private static let export = Command(
        "export",
        summary: "Write a snapshot into one file, for keeping elsewhere",
        discussion:
            "The file brings what the template has, so it is good for another computer with the same QEMU and processor. "
            + "It has all that was in the sandbox's memory and on its disk: keep it as you keep those.",
        examples: [
            .init("martlet snapshot export before-upgrade ./before.martlet", "Whole"),
            .init(
                "martlet snapshot export before-upgrade ./before.martlet --without-template",
                "Small; for here alone"
            ),
        ],
        options: [.flag("--without-template", "Leave out what the template brings; it must be where this is imported")],
        arguments: [
            Positional("NAME", "The snapshot, by name or id"), Positional("FILE", "The file", completion: .files),
        ]
    ) { invocation in
        let path = Surroundings.absolute(try invocation.required("FILE"))
        let request = ExportSnapshot.Request(
            name: try invocation.required("NAME"),
            path: path,
            includesTemplate: !invocation.flag("--without-template")
        )
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let written = try await daemon.client.call(ExportSnapshot.self, request)
        try await StandardStream.error.write("\(path): \(written.bytes) bytes\n")
        return .success
    }

    private static let importing = Command(
        "import",
        summary: "Take in a snapshot from a file, and print its id",
        discussion: "It is refused, with the reason, when it can not run here or is not what was written.",
        examples: [.init("martlet snapshot import ./before.martlet --name theirs", "Under another name")],
        options: [
            .value("--name", "NAME", short: "n", "What it is called here", default: .described("as it was called")),
            SharedOptions.output,
        ],
        arguments: [Positional("FILE", "The file", completion: .files)]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let request = ImportSnapshot.Request(
            path: Surroundings.absolute(try invocation.required("FILE")),
            name: invocation.value("--name")
        )
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let snapshot = try await daemon.client.call(ImportSnapshot.self, request)
        try await Output.print(snapshot, as: format) { "\(snapshot.id)\n" }
        return .success
    }
}
