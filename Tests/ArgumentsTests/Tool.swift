import Arguments

/// A small tree with one of everything, in the likeness of the real one.
let tool = Command(
    "martlet",
    summary: "Run coding agents in microVMs",
    options: [
        .value(
            "--home",
            "DIR",
            "Where the state is kept",
            environment: "MARTLET_HOME",
            completion: .directories,
            isGlobal: true
        ),
        .flag("--verbose", short: "v", "Say more", environment: "MARTLET_VERBOSE", isGlobal: true),
    ],
    subcommands: [runCommand, execCommand, runsCommand, templateCommand, modelCommand, secretCommand]
)

let runCommand = Command(
    "run",
    aliases: ["r"],
    summary: "Run an agent in a fresh sandbox",
    discussion: """
        The prompt is given as an argument, or on standard input when it is '-'. The result fits the schema, or the status says why not.
        """,
    examples: [
        .init("martlet run --schema findings.json \"Review this code\"", "Review the working directory"),
        .init("cat prompt.xml | martlet run -", "Take the prompt from standard input"),
    ],
    options: [
        .value("--schema", "FILE", short: "s", "JSON Schema of the result", completion: .files),
        .value(
            "--output",
            "FORMAT",
            short: "o",
            "How to print the report: text, json or stream-json",
            default: "text",
            completion: .values(["text", "json", "stream-json"])
        ),
        .value("--dir", "DIR", "Directory to copy in", completion: .directories),
        .value("--repo", "URL", "Repository to clone and copy in"),
        .flag("--all-files", short: "a", aliases: ["--allFiles"], "Copy ignored files too"),
        .flag("--interactive", short: "i", "Keep standard input open"),
        .flag("--secret-door", "Never shown", isHidden: true),
        .repeated("--env", "NAME=VALUE", short: "e", "Set a variable in the sandbox"),
        .value(
            "--max-turns",
            "N",
            "Turns the agent may take",
            group: "Limits",
            default: "30",
            environment: "MARTLET_MAX_TURNS"
        ),
        .value("--max-cost", "USD", "What the run may cost", group: "Limits"),
        .value(
            "--timeout",
            "TIME",
            "How long the run may take",
            group: "Limits",
            default: .described("none"),
            environment: "MARTLET_TIMEOUT"
        ),
        .value("--memory", "SIZE", "Memory of the sandbox", group: "Limits", default: "1G"),
    ],
    exclusive: [["--dir", "--repo"]],
    arguments: [Positional("PROMPT", "What to do; '-' reads standard input", kind: .optional, completion: .files)]
) { _ in .success }

let execCommand = Command(
    "exec",
    summary: "Run a program in a sandbox",
    options: [
        .flag("--tty", short: "t", "Give it a terminal"), .flag("--stdin", short: "i", "Hand standard input on"),
    ],
    arguments: [
        Positional("ID", "The sandbox"),
        Positional(
            "COMMAND",
            "The program and its arguments",
            kind: .passthrough(isRequired: true),
            completion: .files
        ),
    ]
) { _ in .success }

let runsCommand = Command(
    "runs",
    summary: "List runs",
    options: [.value("--limit", "N", "How many to list", default: "20")],
    subcommands: [
        Command("show", summary: "Show a run", arguments: [Positional("ID", "The run")]) { _ in .success },
        Command(
            "rm",
            summary: "Forget runs",
            arguments: [Positional("ID", "The runs", kind: .repeated(isRequired: true))]
        ) { _ in
            .success
        },
    ]
) { _ in .success }

let templateCommand = Command(
    "template",
    summary: "Build and list templates",
    subcommands: [
        Command("ls", aliases: ["list"], summary: "List templates") { _ in .success },
        Command(
            "build",
            summary: "Build a template",
            arguments: [Positional("NAME", "The template", completion: .values(["claude", "base"]))]
        ) { _ in .success },
    ],
    group: "Upkeep"
)

let modelCommand = Command(
    "model",
    summary: "Serve a scripted model",
    options: [
        .value(
            "--script",
            "FILE",
            "The script; it's [JSON]: a list",
            environment: "MARTLET_SCRIPT",
            completion: .files,
            isRequired: true
        )
    ],
    group: "Upkeep"
) { _ in .success }

let secretCommand = Command("sesame", summary: "Never shown", isHidden: true) { _ in .success }

/// What a line means, short enough for a table.
func meaning(_ words: [String], environment: [String: String] = [:]) -> String {
    do throws(ArgumentsError) {
        switch try tool.parse(words, environment: environment) {
        case .run(_, let invocation): return invocation.path.text + invocation.arguments.map { " <\($0)>" }.joined()
        case .help(let path): return "help: \(path.text)"
        case .version: return "version"
        }
    } catch {
        return "\(error.code.rawValue): \(error.message)"
    }
}

/// The invocation a line makes; a line that makes none fails the test.
func invocation(_ words: String..., environment: [String: String] = [:]) throws -> Invocation {
    guard case .run(_, let invocation) = try tool.parse(words, environment: environment) else { throw NotARun() }
    return invocation
}

struct NotARun: Error {}
