import Arguments
import Testing

@Suite struct `a line that cannot be understood` {
    @Test(arguments: [
        (
            ["run", "--shema", "x"],
            "unknownOption: unknown option '--shema' for 'martlet run'; did you mean '--schema'? See 'martlet run --help'."
        ),
        (
            ["run", "--sch"],
            "unknownOption: unknown option '--sch' for 'martlet run'; did you mean '--schema'? See 'martlet run --help'."
        ),
        (
            ["run", "--Schema=x"],
            "unknownOption: unknown option '--Schema' for 'martlet run'; did you mean '--schema'? See 'martlet run --help'."
        ),
        (
            ["run", "-schema"],
            "unknownOption: unknown option '-schema' for 'martlet run'; did you mean '--schema'? See 'martlet run --help'."
        ),
        (
            ["run", "-output=json"],
            "unknownOption: unknown option '-output' for 'martlet run'; did you mean '--output'? See 'martlet run --help'."
        ),
        (
            ["run", "-dir"],
            "unknownOption: unknown option '-dir' for 'martlet run'; did you mean '--dir'? See 'martlet run --help'."
        ),
        (["run", "-x"], "unknownOption: unknown option '-x' for 'martlet run'. See 'martlet run --help'."),
        (["run", "--zzzzzz"], "unknownOption: unknown option '--zzzzzz' for 'martlet run'. See 'martlet run --help'."),
        (
            ["run", "--secret-dor"],
            "unknownOption: unknown option '--secret-dor' for 'martlet run'. See 'martlet run --help'."
        ),
        (
            ["--vebrose", "run"],
            "unknownOption: unknown option '--vebrose' for 'martlet'; did you mean '--verbose'? See 'martlet --help'."
        ),
        (
            ["rnu"],
            "unknownCommand: unknown command 'rnu' for 'martlet'; did you mean 'martlet run'? See 'martlet --help'."
        ),
        (
            ["rnu", "--help"],
            "unknownCommand: unknown command 'rnu' for 'martlet'; did you mean 'martlet run'? See 'martlet --help'."
        ),
        (
            ["template", "biuld"],
            "unknownCommand: unknown command 'biuld' for 'martlet template'; did you mean 'martlet template build'? See 'martlet template --help'."
        ),
        (["runs", "xyzzy"], "unknownCommand: unknown command 'xyzzy' for 'martlet runs'. See 'martlet runs --help'."),
        (["sesam"], "unknownCommand: unknown command 'sesam' for 'martlet'. See 'martlet --help'."),
        (
            ["help", "rnu"],
            "unknownCommand: unknown command 'rnu' for 'martlet'; did you mean 'martlet run'? See 'martlet --help'."
        ),
        (["template"], "missingCommand: 'martlet template' needs a command: ls, build. See 'martlet template --help'."),
        (["-v"], "missingCommand: 'martlet' needs a command: run, exec, runs, template, model. See 'martlet --help'."),
        (
            ["run", "--schema"],
            "missingValue: option '--schema' of 'martlet run' needs a value, FILE. See 'martlet run --help'."
        ),
        (
            ["run", "-s", "--", "x"],
            "missingValue: option '-s' of 'martlet run' needs a value, FILE. See 'martlet run --help'."
        ),
        (
            ["run", "--schema", "--all-files"],
            "missingValue: option '--schema' of 'martlet run' needs a value, FILE; a value that begins with a dash is written '--schema=FILE'. See 'martlet run --help'."
        ),
        (
            ["run", "--all-files=yes"],
            "unexpectedValue: option '--all-files' of 'martlet run' takes no value, but was given 'yes'. See 'martlet run --help'."
        ),
        (
            ["run", "-a=yes"],
            "unexpectedValue: option '-a' of 'martlet run' takes no value, but was given 'yes'. See 'martlet run --help'."
        ),
        (
            ["run", "-s", "a", "--schema=b"],
            "repeatedOption: option '--schema' of 'martlet run' was given more than once. See 'martlet run --help'."
        ),
        (
            ["run", "--dir", "a", "--repo", "b"],
            "conflictingOptions: options '--dir' and '--repo' of 'martlet run' cannot be used together. See 'martlet run --help'."
        ),
        (
            ["runs", "--limit", "1", "show", "a"],
            "misplacedOption: option '--limit' belongs to 'martlet runs' and cannot be used with 'martlet runs show'. See 'martlet runs show --help'."
        ),
        (
            ["run", "a", "b"],
            "unexpectedArgument: unexpected argument 'b' for 'martlet run'. See 'martlet run --help'."
        ),
        (
            ["template", "ls", "x"],
            "unexpectedArgument: unexpected argument 'x' for 'martlet template ls'. See 'martlet template ls --help'."
        ),
        (["--", "run"], "unexpectedArgument: unexpected argument 'run' for 'martlet'. See 'martlet --help'."),
        (["exec"], "missingArgument: 'martlet exec' needs the argument 'ID'. See 'martlet exec --help'."),
        (["exec", "i1"], "missingArgument: 'martlet exec' needs the argument 'COMMAND'. See 'martlet exec --help'."),
        (
            ["exec", "i1", "--"],
            "missingArgument: 'martlet exec' needs the argument 'COMMAND'. See 'martlet exec --help'."
        ),
        (["runs", "rm"], "missingArgument: 'martlet runs rm' needs the argument 'ID'. See 'martlet runs rm --help'."),
        (["model"], "missingOption: 'martlet model' needs the option '--script FILE'. See 'martlet model --help'."),
        (
            ["run", "--bogus", "--worse", "a", "b"],
            "unknownOption: unknown option '--bogus' for 'martlet run'. See 'martlet run --help'."
        ),
    ])
    func `is answered with a sentence`(_ words: [String], _ expected: String) {
        #expect(meaning(words) == expected)
    }

    @Test func `is quoted short and without control characters`() {
        #expect(
            meaning(["run", "a", "\u{1B}[2J\n"])
                == #"unexpectedArgument: unexpected argument '\u{1B}[2J\n' for 'martlet run'. See 'martlet run --help'."#
        )
        let long = meaning(["run", "a", String(repeating: "x", count: 5_000_000)])
        #expect(long.contains("xxx…'"))
        #expect(long.count < 200)
    }
}
