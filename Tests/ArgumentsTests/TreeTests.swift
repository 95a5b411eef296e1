import Arguments
import Testing

@Suite struct `a tree of commands` {
    @Test func `is sound`() {
        #expect(tool.faults() == [])
    }

    @Test(arguments: [
        (Command("Run", summary: "x") { _ in .success }, "'Run' has the unfit name 'Run'"),
        (Command("x", summary: "a\nb") { _ in .success }, "'x' needs a summary of one line"),
        (Command("x", summary: "y"), "'x' neither runs nor has subcommands"),
        (
            Command("x", summary: "y", subcommands: [Command("help", summary: "y") { _ in .success }]),
            "'x help' has the unfit name 'help'"
        ),
        (
            Command("x", summary: "y", arguments: [Positional("A", "")], subcommands: [runCommand]),
            "'x' has both subcommands and arguments"
        ),
        (Command("x", summary: "y", subcommands: [runCommand, runCommand]), "'x' has two subcommands named 'r'"),
        (
            Command("x", summary: "y", options: [.flag("-x", "")]) { _ in .success },
            "'x' has the unfit option name '-x'"
        ),
        (
            Command("x", summary: "y", options: [.flag("--x", short: "1", "")]) { _ in .success },
            "'x' has the unfit option name '-1'"
        ),
        (
            Command("x", summary: "y", options: [.flag("--x", short: "h", "")]) { _ in .success },
            "'x' has two options '-h'"
        ),
        (
            Command(
                "x",
                summary: "y",
                options: [.flag("--quiet", short: "s", "", isGlobal: true)],
                subcommands: [runCommand]
            ),
            "'x run' has two options '-s'"
        ),
        (
            Command("x", summary: "y", exclusive: [["--a", "--b"]]) { _ in .success },
            "'x' excludes '--a', which it lacks"
        ),
        (
            Command(
                "x",
                summary: "y",
                arguments: [Positional("A", "", kind: .repeated(isRequired: false)), Positional("B", "")]
            ) { _ in .success },
            "'x' has 'B' behind 'A', which takes the rest"
        ),
        (
            Command("x", summary: "y", arguments: [Positional("A", "", kind: .optional), Positional("B", "")]) { _ in
                .success
            },
            "'x' has 'B' behind 'A', which may be absent"
        ),
    ])
    func `says what is wrong with it`(_ command: Command, _ expected: String) {
        #expect(command.faults().contains(expected))
    }
}
