import Arguments

extension RunCommand {
    static let command = Command(
        "run",
        summary: "Run an agent in a fresh sandbox and print its result",
        discussion: """
            Makes a sandbox, copies the working directory in, lets Claude Code work on the prompt without anybody at the \
            keyboard, and prints the result. With --schema the result is JSON that fits it, checked outside the sandbox.

            The prompt is an argument, a file, or standard input ('-', or no argument in a pipe); its bytes are passed on as \
            they are. The directory's ignored files stay out, and so do .git/config and .git/hooks.

            The result goes to standard output, progress and a summary to standard error. The status is 0 only when there is \
            a usable result, 1 for every other outcome, 2 when the line or the input can not be used, and 130 after Ctrl-C, \
            which stops the run; the second Ctrl-C leaves at once.

            --max-cost and --max-tokens hold for all requests of the run together, subagents, retries and repairs included. What \
            a request can cost is set aside before it is sent; the last one may pass the limit, by at most 0.50 dollars or \
            65,536 tokens, and is followed by none.
            """,
        examples: [
            .init(
                "martlet run --dir ./project --schema findings.json --max-turns 15 \"Review this code. Report what you find.\"",
                "Review a directory and get findings that fit a schema"
            ),
            .init(
                "martlet run --repo https://host/owner/name.git --ref main \"Fix the failing test\" --diff fix.patch",
                "Have a repository mended and keep the patch"
            ),
            .init(
                "cat prompt.xml | martlet run --output json -",
                "Take the prompt from a pipe and print the whole report"
            ),
            .init(
                "martlet run --dir . --best-of 4 --judge \"make -s test && wc -l < main.c\" --schema s.json \"Make it shorter\"",
                "Have four agents try, and keep what the judge finds best"
            ),
            .init(
                "martlet run --record ./tape \"Review this code\"; martlet run --replay ./tape \"Review this code\"",
                "Keep what the model says, and have the same run again for nothing"
            ),
            .init(
                "martlet run --mcp github=https://api.githubcopilot.com/mcp --mcp-header 'github Authorization: Bearer ${secret:github}' \"Read issue 7 and mend it\"",
                "Give the agent an MCP server whose key it never sees"
            ),
            .init("martlet run --resume r7k2 \"Now write the tests\"", "Go on with an earlier run"),
        ],
        options: files + results + limits + agent + ServersArgument.options + choice + outputs,
        exclusive: [
            ["--dir", "--repo", "--resume"], ["--system-prompt", "--system-prompt-file"], ["--best-of", "--resume"],
            ["--judge", "--judge-prompt"], ["--record", "--replay"],
        ],
        arguments: [Positional("PROMPT", "What to do; '-' reads standard input", kind: .optional)],
        run: run
    )

    private static let files: [Option] = [
        .value("--dir", "DIR", short: "d", "Directory to copy in", group: "Files", completion: .directories),
        .value("--repo", "URL", "Repository to clone here and copy in", group: "Files"),
        .value("--ref", "REF", "Its branch, tag or commit", group: "Files", default: .described("its main branch")),
        .flag("--all-files", short: "a", "Copy ignored files too", group: "Files"),
        .value(
            "--diff",
            "FILE",
            "Write what changed as a git patch; '-' is standard output",
            group: "Files",
            completion: .files
        ),
        .repeated("--artifact", "PATH", "File to bring out of the sandbox", group: "Files"),
        .value(
            "--artifacts-dir",
            "DIR",
            "Where artifacts are copied to",
            group: "Files",
            default: .described("they stay with the run"),
            completion: .directories
        ),
    ]

    private static let results: [Option] = [
        .value(
            "--schema",
            "SCHEMA",
            short: "s",
            "JSON Schema of the result: a file, or JSON",
            group: "Result",
            completion: .files
        ),
        .value(
            "--tool-name",
            "NAME",
            "Name of the tool that takes the result",
            group: "Result",
            default: .described("submit_result")
        ),
        .value("--tool-description", "TEXT", "What the agent is told about the tool", group: "Result"),
        .value(
            "--repair-attempts",
            "N",
            "How often the agent is asked again for a usable result",
            group: "Result",
            default: .described("2")
        ),
    ]

    private static let limits: [Option] = [
        .value("--max-turns", "N", "Turns that the agent may take", group: "Limits", default: .described("none")),
        .value("--timeout", "TIME", "How long the agent may work: 90s, 10m, 1h30m", group: "Limits", default: "30m"),
        .value("--max-cost", "USD", "Dollars that the run may cost", group: "Limits", default: .described("none")),
        .value(
            "--max-tokens",
            "N",
            "Tokens that the run may use, of input and output together",
            group: "Limits",
            default: .described("none")
        ),
        .repeated(
            "--allow",
            "HOST",
            "What it may reach besides the model: a name, '*.name', an address or range, with ':port' if wanted; '*' is all",
            group: "Limits"
        ), .repeated("--deny", "HOST", "What it may not reach, unless it is allowed", group: "Limits"),
        .repeated(
            "--header",
            "RULE",
            "What is put into its requests, as in 'api.example.com Authorization: Bearer ${secret:NAME}', with a secret that it never sees; with '${placeholder:NAME}' the secret replaces what the sandbox holds in its place, 'martlet-secret-NAME'",
            group: "Limits"
        ), .repeated("--git", "RULE", SandboxOptions.gitMeaning, group: "Limits"),
    ]

    private static let agent: [Option] = [
        .value(
            "--model",
            "NAME",
            short: "m",
            "Model to use",
            group: "Agent",
            default: .described("the agent's own choice")
        ),
        .value("--system-prompt", "TEXT", "Text to append to the agent's system prompt", group: "Agent"),
        .value("--system-prompt-file", "FILE", "The same from a file", group: "Agent", completion: .files),
        .repeated("--allow-tool", "RULE", "Allow a tool, such as Read or 'Bash(git log:*)'", group: "Agent"),
        .repeated(
            "--allowed-tools",
            "RULES",
            aliases: ["--allowedTools"],
            "The same as a list with commas",
            group: "Agent"
        ),
        .repeated("--disallow-tool", "RULE", "Refuse a tool", group: "Agent"),
        .repeated(
            "--disallowed-tools",
            "RULES",
            aliases: ["--disallowedTools"],
            "The same as a list with commas",
            group: "Agent"
        ),
        .repeated("--env", "NAME=VALUE", short: "e", "Set a variable; NAME alone takes it from here", group: "Agent"),
        .repeated("--volume", "NAME:PATH", "See a volume in the sandbox, at a path such as /mnt/data", group: "Agent"),
        .value("--prompt-file", "FILE", short: "f", "Read the prompt from a file", group: "Agent", completion: .files),
        .value(
            "--record",
            "DIR",
            "Keep the model's answers in a new folder, without secrets",
            group: "Agent",
            completion: .directories
        ),
        .value(
            "--replay",
            "PATH",
            "Have the answers from such a folder, or from a script of the model, and ask no model",
            group: "Agent",
            completion: .files
        ),
        .flag("--record-missing", "With --replay: ask the model what the folder lacks, and keep it", group: "Agent"),
        .value(
            "--template",
            "NAME",
            short: "t",
            "Template of the sandbox",
            group: "Agent",
            default: .described("claude")
        ),
        .value("--resume", "RUN", "Go on with a run: its session and its files", group: "Agent"),
        .flag("--keep", "Leave the sandbox running", group: "Agent"),
    ]

    private static let choice: [Option] = [
        .value(
            "--best-of",
            "N",
            "Agents that work on it at once, up to 16, each in a fork of one sandbox; they share --max-cost",
            group: "Choice"
        ),
        .value(
            "--judge",
            "COMMAND",
            "Shell line, run in each working directory with the result on its input; the last number it writes is the score",
            group: "Choice",
            default: .described("valid ones first, then fewer attempts, then the cheaper")
        ),
        .value("--judge-prompt", "TEXT", "The same by a further agent, asked this about all results", group: "Choice"),
    ]

    private static let outputs: [Option] = [
        .value(
            "--output",
            "FORMAT",
            short: "o",
            "text: the result; json: the whole report; stream-json: the agent's own events",
            default: "text",
            completion: .values(RunRequest.Format.allCases.map(\.rawValue))
        ), .flag("--quiet", short: "q", "No progress, and no summary of a success"),
    ]
}
