import Arguments
import Testing
import Wire

@testable import Commands

@Suite struct `the command tree` {
    private func help(_ words: String...) throws -> String {
        guard case .help(let path) = try CommandTree.root.parse(["help"] + words) else { throw Failed(what: "no help") }
        return path.help()
    }

    @Test func `is sound`() {
        #expect(CommandTree.root.faults() == [])
    }

    @Test func `has every command, each under its heading`() throws {
        let text = try help()
        let expected = """
            Commands:
              run                  Run an agent in a fresh sandbox and print its result
              runs                 List and show runs

            Sandboxes:
              create               Make a sandbox and print its id
              ls, list, ps         List the sandboxes
              exec                 Run a program in a sandbox
              kill                 End sandboxes
              logs                 Print what a sandbox's programs did and wrote
              sandbox, sbx         Everything about sandboxes, named as E2B's command line
                                   names it
              snapshot             Keep sandboxes as they are, and make others of them

            Daemon:
              serve                Run the daemon in the foreground
              shutdown             End the daemon and its sandboxes
              status               Tell about the daemon
              env                  Print the variables that a client needs
              key, keys            Make, list and remove API keys
              secret, secrets      Store keys that never enter a sandbox
              usage                Tell what models have cost

            Upkeep:
              template, templates  Build, list and remove templates
              doctor               Tell what this machine can do, by trying it
              model                Serve a model that plays a script
              mcp-result           Serve the result tool as an MCP server on standard input
                                   and output
              completions          Print the completion script for a shell
              version              Print the version

            """
        #expect(text.contains(expected))
    }

    @Test(arguments: [
        "MARTLET_HOME", "MARTLET_API_URL", "MARTLET_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL", "NO_COLOR",
    ])
    func `documents each variable`(_ name: String) throws {
        #expect(try help().contains("  \(name) "))
    }

    @Test func `shows how a program is run in a sandbox`() throws {
        #expect(
            try help("exec") == """
                Usage: martlet exec [OPTIONS] ID COMMAND...

                Run a program in a sandbox

                Output, input and status are the program's own: 128 and the signal's number when
                a signal ended it, 125 when Martlet could not run it. Ctrl-C reaches the
                program, and a second one kills it. From a terminal it gets a terminal of its
                own; else its three streams stay apart. A connection that breaks is made again,
                and nothing is lost; a program that nobody comes back to is ended after two
                minutes.

                Arguments:
                  ID                    The sandbox; the beginning of its id is enough where it
                                        is the only one
                  COMMAND               The program and its arguments

                Options:
                  -b, --background      Leave it running, and print its process id on standard
                                        error
                  -i, --interactive     Hand standard input on; done anyway when it is no
                                        terminal
                  -t, --tty             Give it a terminal; done anyway when everything here is
                                        one
                  -T, --no-tty          Give it none
                  -u, --user NAME       Who runs it (default: user)
                  -c, --cwd DIR         Where it runs (default: the user's home)
                  -e, --env NAME=VALUE  Set a variable; NAME alone takes it from here (may be
                                        repeated)

                Global options:
                      --home DIR        Where the state is (default: ~/.martlet; env:
                                        MARTLET_HOME)
                  -h, --help            Show this help

                Examples:
                  A shell
                      martlet exec i3k9 bash

                  One program
                      martlet exec i3k9 -- git -C workspace diff

                  With input from a pipe
                      tar c src | martlet exec i3k9 tar x

                  A server that stays
                      martlet exec --background i3k9 python3 -m http.server

                """
        )
    }

    @Test func `shows what a run takes, in groups`() throws {
        let text = try help("run")
        for heading in ["Files:", "Result:", "Limits:", "Agent:", "Options:", "Examples:"] {
            #expect(text.contains("\n\(heading)\n"), "\(heading)")
        }
        #expect(text.hasPrefix("Usage: martlet run [OPTIONS] [PROMPT]\n"))
    }

    @Test(arguments: [
        (["run", "--dir", "a", "--repo", "b"], "--repo"), (["run", "--max-turn", "3", "x"], "--max-turns"),
        (["rnu"], "run"), (["template", "biuld"], "build"),
    ])
    func `refuses a faulty line with what to do`(_ words: [String], _ hint: String) {
        #expect {
            try CommandTree.root.parse(words)
        } throws: { error in
            "\(error)".contains(hint) && Status(error) == .usage
        }
    }

    @Test(arguments: Shell.allCases)
    func `completes in each shell`(_ shell: Shell) {
        #expect(completions(for: CommandTree.root, shell: shell, program: "martlet").contains("mcp-result"))
    }
}
