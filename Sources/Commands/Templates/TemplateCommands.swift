import Arguments
import RPC
import Wire

/// `martlet template`: what sandboxes are made from.
enum TemplateCommands {
    static let command = Command(
        "template",
        aliases: ["templates"],
        summary: "Build, list and remove templates",
        subcommands: [
            list, TemplateBuildCommand.command, show, logs, tag, remove, TemplateArchiveCommands.export,
            TemplateArchiveCommands.take, usage,
        ],
        group: "Upkeep"
    )

    private static let list = Command(
        "ls",
        aliases: ["list"],
        summary: "List the templates",
        options: [SharedOptions.output]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let templates = try await daemon.client.call(ListTemplates.self, Empty()).templates
        try await Output.print(templates, as: format) { table(templates) }
        return .success
    }

    static func table(_ templates: [TemplateInfo]) -> String {
        var table = Table("NAME", "CPUS", "MEMORY", "DISK", "AGE", "CONTENTS")
        for template in templates {
            if let problem = template.problem {
                table.add(template.name, "-", "-", "-", "-", "not usable: \(problem)")
                continue
            }
            let contents = template.contents.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            table.add(
                template.name,
                "\(template.processors)",
                "\(template.memoryMiB) MiB",
                "\(template.diskMiB) MiB",
                Readable.age(of: template.created),
                contents.joined(separator: ", ")
            )
        }
        return table.text
    }

    private static let remove = Command(
        "rm",
        aliases: ["remove"],
        summary: "Remove templates",
        discussion: "A name with a tag behind a colon removes that name alone. Sandboxes go on.",
        examples: [.init("martlet template rm mine", "Remove a template with all its tags")],
        arguments: [Positional("NAME", "The templates", kind: .repeated(isRequired: true))]
    ) { invocation in
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        return await Status.ofEach(invocation.values("NAME")) { name in
            _ = try await daemon.client.call(RemoveTemplate.self, RemoveTemplate.Request(name: name))
        }
    }

    private static let show = Command(
        "show",
        summary: "Tell what a template is",
        examples: [.init("martlet template show mine", "Its size, its contents, its tags")],
        options: [SharedOptions.output],
        arguments: [Positional("NAME", "The template")]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let request = GetTemplate.Request(name: try invocation.required("NAME"))
        let details = try await daemon.client.call(GetTemplate.self, request)
        try await Output.print(details, as: format) {
            var facts = Facts()
            facts.add("name", details.template.name)
            facts.add("build", details.template.buildID)
            facts.add("age", Readable.age(of: details.template.created))
            facts.add("processors", "\(details.template.processors)")
            facts.add("memory", "\(details.template.memoryMiB) MiB")
            facts.add("disk", "\(details.template.diskMiB) MiB")
            facts.add("user", details.user)
            facts.add("directory", details.directory)
            facts.add("variables", details.variables.joined(separator: " "))
            facts.add("start", details.startCommand)
            facts.add("tags", details.tags.map(\.tag).joined(separator: ", "))
            for (name, version) in details.template.contents.sorted(by: { $0.key < $1.key }) {
                facts.add(name, version)
            }
            return facts.text
        }
        return .success
    }

    private static let logs = Command(
        "logs",
        summary: "Print what the last build of a template said",
        examples: [.init("martlet template logs mine", "Why it failed")],
        options: [
            .value("--build", "ID", "Another build of it, by the beginning of its id"), SharedOptions.output,
        ],
        arguments: [Positional("NAME", "The template")]
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let format = try SharedOptions.format(invocation)
        let daemon = try await DaemonConnection.open(surroundings)
        let request = ReadTemplateLog.Request(
            name: try invocation.required("NAME"),
            buildID: invocation.value("--build")
        )
        let log = try await daemon.client.call(ReadTemplateLog.self, request)
        try await Output.print(log, as: format) {
            log.lines.map { line in
                let text = surroundings.outputIsTerminal ? TerminalText.line(line.message) : line.message
                return "[\(line.step ?? "")] \(text)\n"
            }.joined()
        }
        return .success
    }

    private static let tag = Command(
        "tag",
        summary: "Give a template further tags",
        examples: [
            .init("martlet template tag mine stable v1", "Have 'mine:stable' and 'mine:v1' name what 'mine' names")
        ],
        arguments: [
            Positional("NAME", "The template, with a tag or without"),
            Positional("TAG", "The tags", kind: .repeated(isRequired: true)),
        ]
    ) { invocation in
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let request = TagTemplate.Request(name: try invocation.required("NAME"), tags: invocation.values("TAG"))
        _ = try await daemon.client.call(TagTemplate.self, request)
        return .success
    }

    private static let usage = Command(
        "du",
        summary: "Tell what templates take on the disk",
        discussion: """
            Besides templates there are the images that they stand on, the steps that later builds go on from, and the files \
            that COPY has copied. What no template needs and no build has used for a week goes when the daemon starts.
            """,
        examples: [.init("martlet template du --prune", "Remove what no template needs, and tell what is left")],
        options: [.flag("--prune", "Remove what no template needs, first"), SharedOptions.output]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let request = MeasureTemplates.Request(prunes: invocation.flag("--prune"))
        let items = try await daemon.client.call(MeasureTemplates.self, request).items
        try await Output.print(items, as: format) {
            var table = Table("KIND", "SIZE", "NAME")
            for item in items { table.add(item.kind.rawValue, Readable.bytes(item.bytes), item.name) }
            table.add("all", Readable.bytes(items.reduce(0) { $0 + $1.bytes }), "")
            return table.text
        }
        return .success
    }
}
