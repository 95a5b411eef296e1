import Arguments
import Linux
import RPC
import Wire

/// `martlet template export` and `martlet template import`.
enum TemplateArchiveCommands {
    static let export = Command(
        "export",
        summary: "Write a template into one file",
        discussion: """
            The file has all that a sandbox of the template is made from, its memory included: whatever secrets its steps left \
            are in it. It can be used where QEMU, its accelerator, the processor and Martlet are the same.
            """,
        examples: [.init("martlet template export mine mine.template", "Take a template to another computer")],
        options: [SharedOptions.output],
        arguments: [
            Positional("NAME", "The template, with a tag or without"),
            Positional("FILE", "Where to; what is there is replaced", completion: .files),
        ]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let path = try absolute(invocation.required("FILE"))
        let request = ExportTemplate.Request(name: try invocation.required("NAME"), path: path)
        let written = try await daemon.client.stream(ExportTemplate.self, request) { events in
            var last: ExportTemplate.Event?
            while let event = try await events.next() { last = event }
            return last
        }
        guard let written else {
            throw CommandsError(.daemonLost, "The daemon ended the export of '\(request.name)' without a word")
        }
        try await Output.print(written, as: format) { "\(path) \(Readable.bytes(written.bytes))\n" }
        return .success
    }

    static let take = Command(
        "import",
        summary: "Take in a template from a file",
        discussion: """
            The file is one that 'martlet template export' wrote. A name that is there already points to the new template \
            when that is whole, and not before. A template that can not run here is refused with the reason.
            """,
        examples: [
            .init("martlet template import mine.template", "Take it in under the name that it had"),
            .init("martlet template import mine.template --name theirs:v1", "The same under another"),
        ],
        options: [
            .value("--name", "NAME", "What it is called here", default: .described("what it was called")),
            SharedOptions.output,
        ],
        arguments: [Positional("FILE", "The file", completion: .files)]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let path = try absolute(invocation.required("FILE"))
        let request = ImportTemplate.Request(path: path, name: invocation.value("--name"))
        let taken = try await daemon.client.stream(ImportTemplate.self, request) { events in
            var template: TemplateInfo?
            while let event = try await events.next() { template = event.template }
            return template
        }
        guard let taken else {
            throw CommandsError(.daemonLost, "The daemon ended the import of '\(path)' without a template")
        }
        try await Output.print(taken, as: format) { "\(taken.name) \(taken.buildID)\n" }
        return .success
    }

    /// The daemon has another directory than we.
    private static func absolute(_ path: String) throws -> String {
        if path.hasPrefix("/") { return path }
        guard let here = Files.resolved(".") else {
            throw CommandsError(.unusableInput, "The working directory is gone, so '\(path)' names nothing")
        }
        return "\(here)/\(path)"
    }
}
