import Arguments
import Testing

@Suite struct `a command's help` {
    private func help(_ words: [String], width: Int = 80, isStyled: Bool = false) throws -> String {
        guard case .help(let path) = try tool.parse(["help"] + words) else { throw NotARun() }
        return path.help(width: width, isStyled: isStyled)
    }

    @Test func `of the root lists the commands`() throws {
        #expect(
            try help([]) == """
                Usage: martlet COMMAND

                Run coding agents in microVMs

                Commands:
                  run, r          Run an agent in a fresh sandbox
                  exec            Run a program in a sandbox
                  runs            List runs

                Upkeep:
                  template        Build and list templates
                  model           Serve a scripted model

                Options:
                      --home DIR  Where the state is kept (env: MARTLET_HOME)
                  -v, --verbose   Say more (env: MARTLET_VERBOSE)
                  -h, --help      Show this help
                      --version   Show the version

                See 'martlet help COMMAND' for more about one command.

                """
        )
    }

    @Test func `of a command has every section`() throws {
        #expect(
            try help(["run"]) == """
                Usage: martlet run [OPTIONS] [PROMPT]

                Run an agent in a fresh sandbox

                The prompt is given as an argument, or on standard input when it is '-'. The
                result fits the schema, or the status says why not.

                Arguments:
                  PROMPT                What to do; '-' reads standard input

                Options:
                  -s, --schema FILE     JSON Schema of the result
                  -o, --output FORMAT   How to print the report: text, json or stream-json
                                        (default: text)
                      --dir DIR         Directory to copy in
                      --repo URL        Repository to clone and copy in
                  -a, --all-files       Copy ignored files too
                  -i, --interactive     Keep standard input open
                  -e, --env NAME=VALUE  Set a variable in the sandbox (may be repeated)

                Limits:
                      --max-turns N     Turns the agent may take (default: 30; env:
                                        MARTLET_MAX_TURNS)
                      --max-cost USD    What the run may cost
                      --timeout TIME    How long the run may take (default: none; env:
                                        MARTLET_TIMEOUT)
                      --memory SIZE     Memory of the sandbox (default: 1G)

                Global options:
                      --home DIR        Where the state is kept (env: MARTLET_HOME)
                  -v, --verbose         Say more (env: MARTLET_VERBOSE)
                  -h, --help            Show this help

                Examples:
                  Review the working directory
                      martlet run --schema findings.json "Review this code"

                  Take the prompt from standard input
                      cat prompt.xml | martlet run -

                """
        )
    }

    @Test func `of a command that also groups shows both uses`() throws {
        #expect(
            try help(["runs"]) == """
                Usage: martlet runs [OPTIONS]
                       martlet runs COMMAND

                List runs

                Commands:
                  show            Show a run
                  rm              Forget runs

                Options:
                      --limit N   How many to list (default: 20)

                Global options:
                      --home DIR  Where the state is kept (env: MARTLET_HOME)
                  -v, --verbose   Say more (env: MARTLET_VERBOSE)
                  -h, --help      Show this help

                See 'martlet runs help COMMAND' for more about one command.

                """
        )
    }

    @Test func `of a narrow terminal is wrapped to it`() throws {
        #expect(
            try help(["model"], width: 44) == """
                Usage: martlet model --script FILE [OPTIONS]

                Serve a scripted model

                Options:
                      --script FILE  The script; it's
                                     [JSON]: a list
                                     (required; env:
                                     MARTLET_SCRIPT)

                Global options:
                      --home DIR     Where the state is kept
                                     (env: MARTLET_HOME)
                  -v, --verbose      Say more (env:
                                     MARTLET_VERBOSE)
                  -h, --help         Show this help

                """
        )
    }

    @Test func `of a program's runner shows where its line begins`() throws {
        #expect(try help(["exec"]).hasPrefix("Usage: martlet exec [OPTIONS] ID COMMAND...\n"))
    }

    @Test(arguments: [40, 60, 80, 120])
    func `keeps every line within the width, but for lines to copy`(_ width: Int) throws {
        let toCopy = runCommand.examples.map { "      \($0.line)" }
        for words in [[], ["run"], ["exec"], ["runs"], ["runs", "rm"], ["template"], ["model"]] {
            for line in try help(words, width: width).split(separator: "\n").map(String.init)
            where !toCopy.contains(line) {
                #expect(line.count <= width, "\(line)")
            }
        }
    }

    @Test func `is bold in its headings only when styled`() throws {
        let styled = try help(["run"], isStyled: true)
        #expect(styled.hasPrefix("\u{1B}[1mUsage:\u{1B}[0m martlet run"))
        let plain = try help(["run"])
        #expect(!plain.contains("\u{1B}"))
        #expect(styled.replacing("\u{1B}[1m", with: "").replacing("\u{1B}[0m", with: "") == plain)
    }

    @Test func `keeps the lines of a discussion that are indented`() throws {
        let command = Command("x", summary: "y", discussion: "one two three\n\n  a   table\n  of     things") { _ in
            .success
        }
        guard case .help(let path) = try command.parse(["--help"]) else { throw NotARun() }
        #expect(path.help().contains("\none two three\n\n  a   table\n  of     things\n"))
    }
}
