import Arguments
import Testing

@Suite struct `a line` {
    @Test(arguments: [
        (["run"], "martlet run"),
        (["r", "hello"], "martlet run <hello>"),
        (["run", "-"], "martlet run <->"),
        (["run", "--", "--schema"], "martlet run <--schema>"),
        (["run", "--", "--"], "martlet run <-->"),
        (["run", "--", "--help"], "martlet run <--help>"),
        (["run", ""], "martlet run <>"),
        (["run", "- a list"], "martlet run <- a list>"),
        (["run", "--fix the bug"], "martlet run <--fix the bug>"),
        (["run", "-5"], "martlet run <-5>"),
        (["run", "hello", "--schema", "x"], "martlet run <hello>"),
        (["--home", "/x", "run", "hello"], "martlet run <hello>"),
        (["--verbose", "runs", "show", "a", "--home=/x"], "martlet runs show <a>"),
        (["runs"], "martlet runs"),
        (["runs", "rm", "a", "b"], "martlet runs rm <a> <b>"),
        (["template", "list"], "martlet template ls"),
        (["sesame"], "martlet sesame"),
        (["exec", "ID", "ls", "-la"], "martlet exec <ID> <ls> <-la>"),
        (["exec", "-it", "ID", "sh", "-c", "--help"], "martlet exec <ID> <sh> <-c> <--help>"),
        (["exec", "ID", "--", "ls", "--", "x"], "martlet exec <ID> <ls> <--> <x>"),
        (["exec", "--", "ID", "ls"], "martlet exec <ID> <ls>"),
        (["exec", "ID", "-it", "sh", "-t"], "martlet exec <ID> <sh> <-t>"),
        (["exec", "ID", "-t", "--", "-x"], "martlet exec <ID> <-x>"),
    ])
    func `names a command and its arguments`(_ words: [String], _ expected: String) {
        #expect(meaning(words) == expected)
    }

    @Test(arguments: [
        ([], "help: martlet"),
        (["--help"], "help: martlet"),
        (["-h"], "help: martlet"),
        (["help"], "help: martlet"),
        (["help", "run"], "help: martlet run"),
        (["help", "template", "list"], "help: martlet template ls"),
        (["template", "help", "build"], "help: martlet template build"),
        (["template", "--help"], "help: martlet template"),
        (["--help", "run"], "help: martlet"),
        (["run", "hello", "--help"], "help: martlet run"),
        (["run", "-ah"], "help: martlet run"),
        (["run", "--bogus", "--help"], "help: martlet run"),
        (["run", "a", "b", "-h"], "help: martlet run"),
        (["run", "--schema", "--help"], "help: martlet run"),
        (["--bogus", "run", "--help"], "help: martlet run"),
        (["exec", "--help"], "help: martlet exec"),
        (["--version"], "version"),
        (["run", "--version"], "version"),
    ])
    func `may ask for help or the version instead`(_ words: [String], _ expected: String) {
        #expect(meaning(words) == expected)
    }

    @Test(arguments: [
        ["--schema", "x"], ["--schema=x"], ["-s", "x"], ["-sx"], ["-s=x"], ["-ais", "x"], ["-aisx"], ["-ai", "-s=x"],
    ])
    func `gives a value in each of its spellings`(_ words: [String]) throws {
        guard case .run(_, let invocation) = try tool.parse(["run"] + words) else { throw NotARun() }
        #expect(invocation.value("--schema") == "x")
    }

    @Test func `keeps what follows the first equals sign`() throws {
        #expect(try invocation("run", "--schema=a=b").value("--schema") == "a=b")
        #expect(try invocation("run", "--schema=").value("--schema") == "")
        #expect(try invocation("run", "--schema=--keep").value("--schema") == "--keep")
        #expect(
            try invocation("run", "-e", "A=1", "--env", "B=--x", "-eC=3").values("--env") == ["A=1", "B=--x", "C=3"]
        )
    }

    @Test func `may give a lone dash or a negative number as a value`() throws {
        #expect(try invocation("run", "--schema", "-").value("--schema") == "-")
        #expect(try invocation("run", "--max-cost", "-1").value("--max-cost") == "-1")
    }

    @Test func `may repeat a flag and use an alias`() throws {
        let invocation = try invocation("run", "-a", "--allFiles", "-ai")
        #expect(invocation.flag("--all-files"))
        #expect(invocation.flag("--interactive"))
        #expect(!invocation.flag("--secret-door"))
        #expect(invocation.isGiven("--all-files"))
        #expect(!invocation.isGiven("--schema"))
    }

    @Test func `gives arguments by name`() throws {
        let exec = try invocation("exec", "i1", "ls", "-la")
        #expect(exec.value("ID") == "i1")
        #expect(exec.values("COMMAND") == ["ls", "-la"])
        #expect(exec.arguments == ["i1", "ls", "-la"])
        #expect(try exec.required("ID") == "i1")
        #expect(try invocation("run").value("PROMPT") == nil)
    }
}
