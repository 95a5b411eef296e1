import Arguments
import Glibc
import Linux
import RPC
import Wire

/// `martlet template`: what sandboxes are made from.
enum TemplateCommands {
    static let command = Command(
        "template",
        aliases: ["templates"],
        summary: "Build, list and remove templates",
        subcommands: [list, build, remove],
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

    private static let build = Command(
        "build",
        summary: "Build a template",
        discussion: """
            'base' is Debian with Python, git and the usual tools; 'claude' is the same with Claude Code and FastMCP. \
            Layers that are there already are used again, whichever template they were made for; with nothing changed this \
            takes a second. The name points to the \
            new template only when it is whole.
            """,
        examples: [
            .init("martlet template build claude", "Build what 'martlet run' uses"),
            .init("martlet template build base", "Build what programs for E2B use unless they name another"),
        ],
        options: [
            .value(
                "--claude-binary",
                "FILE",
                "Claude Code executable of this machine to put in",
                default: .described("the pinned version, downloaded"),
                completion: .files
            ), .flag("--no-cache", "Make every layer anew"),
            .value("--cpu", "N", "Processors", default: .described("the recipe's")),
            .value("--memory", "SIZE", "Memory: 1G, 1536M", default: .described("the recipe's")),
            .value("--disk", "SIZE", "Disk: 4G", default: .described("the recipe's")),
            .flag("--quiet", short: "q", "No progress"),
        ],
        arguments: [Positional("NAME", "The recipe", completion: .values(BuildTemplate.recipes))]
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let request = try request(invocation)
        let audience: Audience =
            invocation.flag("--quiet") ? .nobody : surroundings.errorIsTerminal ? .terminal : .pipe
        let style = surroundings.errorStyle
        let display = ProgressDisplay(
            BuildProgress(isLive: audience == .terminal, style: style),
            for: audience,
            style: style,
            width: { surroundings.width }
        )
        let template = try await display.showing {
            let daemon = try await DaemonConnection.open(surroundings)
            return try await daemon.client.stream(BuildTemplate.self, request) { events in
                var template: TemplateInfo?
                while let event = try await events.next() {
                    await display.take(event)
                    template = event.template ?? template
                }
                return template
            }
        }
        guard let template else {
            throw CommandsError(.daemonLost, "The daemon ended the build of '\(request.name)' without a template")
        }
        try await StandardStream.output.write("\(template.name) \(template.buildID)\n")
        return .success
    }

    private static func request(_ invocation: Invocation) throws -> BuildTemplate.Request {
        var request = BuildTemplate.Request(name: try invocation.required("NAME"))
        if let path = invocation.value("--claude-binary") {
            guard let real = Files.resolved(path), !Files.isDirectory(real), access(real, R_OK | X_OK) == 0 else {
                throw CommandsError(
                    .unusableInput,
                    "'\(path)' is no executable; --claude-binary takes Claude Code's own file"
                )
            }
            request.claudeBinary = real
        }
        request.processors = try invocation.integer("--cpu", in: 1...64)
        request.memoryMiB = try invocation.byteCount("--memory", in: 256 << 20...1 << 40).map { $0 >> 20 }
        request.diskMiB = try invocation.byteCount("--disk", in: 512 << 20...1 << 44).map { $0 >> 20 }
        request.noCache = invocation.flag("--no-cache") ? true : nil
        return request
    }

    private static let remove = Command(
        "rm",
        aliases: ["remove"],
        summary: "Remove templates",
        arguments: [Positional("NAME", "The templates", kind: .repeated(isRequired: true))]
    ) { invocation in
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        return await Status.ofEach(invocation.values("NAME")) { name in
            _ = try await daemon.client.call(RemoveTemplate.self, RemoveTemplate.Request(name: name))
        }
    }
}

/// What a person sees of a build.
struct BuildProgress: ProgressModel {
    let isLive: Bool
    let style: Style
    private var layer: String?
    private var line = ""

    init(isLive: Bool, style: Style) {
        self.isLive = isLive
        self.style = style
    }

    mutating func take(_ event: BuildTemplate.Event, at elapsed: Duration) -> [String] {
        if let line = event.line {
            self.line = TerminalText.line(line)
            return []
        }
        guard let layer = event.layer else { return [] }
        let name = TerminalText.line(layer.name)
        line = ""
        guard let milliseconds = layer.milliseconds else {
            self.layer = name
            return isLive ? [] : ["\(name): begins"]
        }
        self.layer = nil
        let time = layer.isCached == true ? "cached" : Readable.time(milliseconds: milliseconds)
        return [isLive ? "\(style.green("✓")) \(name)  \(time)" : "\(name): \(time)"]
    }

    func status(at elapsed: Duration) -> String? {
        layer.map { "… \($0) · \(Readable.clock(elapsed))\(line.isEmpty ? "" : " · \(line)")" }
    }
}
