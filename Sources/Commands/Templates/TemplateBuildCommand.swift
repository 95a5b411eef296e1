import Arguments
import Dockerfiles
import Glibc
import Linux
import RPC
import Wire

/// `martlet template build`.
enum TemplateBuildCommand {
    static let command = Command(
        "build",
        summary: "Build a template",
        discussion: """
            Without --dockerfile and --from NAME is a recipe: 'base' is Debian with Python, git and the usual tools; 'claude' \
            is the same with Claude Code and FastMCP. With a Dockerfile or an image NAME is any name, with a tag behind a \
            colon or without; the steps run in a microVM of what the file begins with. Whatever was made before is used \
            again. The name points to the new template only when it is whole.

            An image is the name of a template here, a name that images.json in the home gives a meaning, or \
            docker://HOST/NAME:TAG, oci:DIR:TAG, docker-archive:FILE, rootfs:FILE.
            """,
        examples: [
            .init("martlet template build claude", "Build what 'martlet run' uses"),
            .init(
                "martlet template build claude --claude-version 2.1.320",
                "The same with another version of Claude Code"
            ),
            .init("martlet template build base", "Build what programs for E2B use unless they name another"),
            .init(
                "martlet template build mine --dockerfile Dockerfile --memory 2G --start ./serve --ready 'curl -s localhost'",
                "Build by a Dockerfile, with a server that runs in every sandbox"
            ),
        ],
        options: [
            .value("--dockerfile", "FILE", short: "f", "How it is made", group: custom, completion: .files),
            .value(
                "--context",
                "DIR",
                "What COPY copies from",
                group: custom,
                default: .value("."),
                completion: .directories
            ), .value("--from", "IMAGE", "The template or image to begin with, instead of a Dockerfile", group: custom),
            .value(
                "--registry-user",
                "NAME",
                "Who logs in to the image's registry; the password is in MARTLET_REGISTRY_PASSWORD",
                group: custom
            ),
            .repeated("--build-arg", "NAME=VALUE", "A value for an ARG of the Dockerfile", group: custom),
            .value("--start", "COMMAND", "Runs in every sandbox from its first moment", group: custom),
            .value("--ready", "COMMAND", "Succeeds when what --start started is ready", group: custom),
            .repeated(
                "--allow",
                "HOST",
                "What a RUN may reach: a name, '*.name', an address or range, with ':port' if wanted; '*' is all",
                group: custom
            ), .repeated("--deny", "HOST", "What it may not reach, unless it is allowed", group: custom),
            .value(
                "--step-limit",
                "DURATION",
                "After which a RUN is ended as one that hangs",
                group: custom,
                default: .described("an hour")
            ),
            .value(
                "--claude-binary",
                "FILE",
                "Claude Code executable of this machine to put in",
                default: .described("the pinned version, downloaded"),
                completion: .files
            ),
            .value(
                "--claude-version",
                "VERSION",
                "Claude Code of this version, as PyPI has it, or 'latest'",
                default: .described("the pinned version")
            ), .flag("--no-cache", "Make everything anew"),
            .value("--cpu", "N", "Processors", default: .described("those of what it is made from")),
            .value("--memory", "SIZE", "Memory: 1G, 1536M", default: .described("that of what it is made from")),
            .value("--disk", "SIZE", "Disk: 4G", default: .described("that of what it is made from")),
            .flag("--quiet", short: "q", "No progress"),
        ],
        exclusive: [
            ["--dockerfile", "--from"], ["--claude-binary", "--dockerfile"], ["--claude-binary", "--from"],
            ["--claude-version", "--dockerfile"], ["--claude-version", "--from"],
            ["--claude-version", "--claude-binary"],
        ],
        arguments: [Positional("NAME", "The recipe, or the new name", completion: .values(BuildTemplate.recipes))],
        run: run
    )
    private static let custom = "Templates of one's own"

    @Sendable
    private static func run(_ invocation: Invocation) async throws -> Status {
        let surroundings = try Surroundings(invocation)
        let request = try request(invocation)
        let file = try dockerfile(invocation)
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
            let request = try await complete(request, file, invocation, daemon)
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
        request.claudeVersion = invocation.value("--claude-version")
        request.processors = try invocation.integer("--cpu", in: 1...64)
        request.memoryMiB = try invocation.byteCount("--memory", in: 128 << 20...1 << 40).map { $0 >> 20 }
        request.diskMiB = try invocation.byteCount("--disk", in: 512 << 20...1 << 44).map { $0 >> 20 }
        request.noCache = invocation.flag("--no-cache") ? true : nil
        request.allow = invocation.list("--allow")
        request.deny = invocation.list("--deny")
        return request
    }

    /// What the file says; nothing was asked of the daemon before it is known to be right.
    private static func dockerfile(_ invocation: Invocation) throws -> Dockerfile? {
        guard let path = invocation.value("--dockerfile") else { return nil }
        let text: String
        do {
            text = String(decoding: try Files.read(path), as: UTF8.self)
        } catch {
            throw CommandsError(.unusableInput, "The Dockerfile '\(path)' can not be read", cause: error)
        }
        var values: [String: String] = [:]
        for pair in invocation.values("--build-arg") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else {
                throw CommandsError(.unusableInput, "--build-arg takes NAME=VALUE, not '\(pair)'")
            }
            values[parts[0]] = parts[1]
        }
        do {
            return try Dockerfile(parsing: text, arguments: values)
        } catch {
            throw CommandsError(.unusableInput, "'\(path)', \(error)")
        }
    }

    private static func complete(
        _ request: BuildTemplate.Request,
        _ file: Dockerfile?,
        _ invocation: Invocation,
        _ daemon: DaemonConnection
    ) async throws -> BuildTemplate.Request {
        var request = request
        var spec: TemplateSpec?
        if let file {
            for note in file.notes { await StandardStream.say(note) }
            let place = invocation.value("--context") ?? "."
            guard let directory = Files.resolved(place), Files.isDirectory(directory) else {
                throw CommandsError(.unusableInput, "There is no directory '\(place)'")
            }
            let context = try BuildContext(
                directory: directory,
                dockerfile: invocation.value("--dockerfile") ?? "",
                client: daemon.client
            )
            spec = try await TemplateSpec(file, from: context)
        } else if let image = invocation.value("--from") {
            spec = TemplateSpec(fromImage: absolute(image))
        } else if let option = ["--start", "--ready", "--allow", "--deny", "--step-limit", "--registry-user"].first(
            where: { invocation.isGiven($0) }
        ) {
            throw CommandsError(.unusableInput, "\(option) needs --dockerfile or --from")
        }
        if let user = invocation.value("--registry-user") {
            guard let password = Program.variable("MARTLET_REGISTRY_PASSWORD"), !password.isEmpty else {
                throw CommandsError(
                    .unusableInput,
                    "--registry-user needs the password in the variable MARTLET_REGISTRY_PASSWORD"
                )
            }
            spec?.fromImageRegistry = RegistryLogin(type: "registry", username: user, password: password)
        }
        if let command = invocation.value("--start") { spec?.startCmd = command }
        if let command = invocation.value("--ready") { spec?.readyCmd = command }
        if let limit = try invocation.duration("--step-limit", in: .seconds(1)...(.seconds(7 * 86_400))) {
            spec?.stepSeconds = Int(limit / .seconds(1))
        }
        request.spec = spec
        return request
    }
}

extension TemplateBuildCommand {
    /// The daemon has another directory than we.
    fileprivate static func absolute(_ image: String) -> String {
        for kind in ["oci:", "docker-archive:", "rootfs:"] where image.hasPrefix(kind) {
            let path = String(image.dropFirst(kind.count))
            if path.hasPrefix("/") { return image }
            return "\(kind)\(Files.resolved(".") ?? "")/\(path)"
        }
        return image
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
        if let log = event.log { return [shown(log)] }
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

    private func shown(_ log: TemplateLogLine) -> String {
        let text = "[\(log.step ?? "")] \(TerminalText.line(log.message))"
        return switch log.level {
        case .error: style.red(text)
        case .warn: style.yellow(text)
        case .debug: style.dim(text)
        case .info: text
        }
    }

    func status(at elapsed: Duration) -> String? {
        layer.map { "… \($0) · \(Readable.clock(elapsed))\(line.isEmpty ? "" : " · \(line)")" }
    }
}
