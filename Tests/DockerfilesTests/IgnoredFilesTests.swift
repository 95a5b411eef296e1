import Testing

@testable import Dockerfiles

@Suite struct `the list of files that are not copied` {
    struct Case: Sendable, CustomTestStringConvertible {
        let list: String
        let out: [String]
        let kept: [String]
        var testDescription: String { list.split(separator: "\n").joined(separator: " ") }
    }

    static let cases = [
        Case(list: "", out: [], kept: ["a", "a/b"]),
        Case(list: "# a\n\n   \n", out: [], kept: ["a", "# a"]),
        Case(list: "a", out: ["a", "a/b", "a/b/c"], kept: ["ab", "b/a"]),
        Case(list: "/a/", out: ["a", "a/b"], kept: ["b/a"]),
        Case(list: "./a/../b", out: ["b"], kept: ["a", "a/b"]),
        Case(list: "*.log", out: ["x.log", ".log", "x.log/below"], kept: ["a/x.log", "x.logs"]),
        Case(list: "**/*.log", out: ["x.log", "a/x.log", "a/b/x.log"], kept: ["x.txt"]),
        Case(list: "a/**", out: ["a/b", "a/b/c"], kept: ["a", "b"]),
        Case(list: "a/**/z", out: ["a/z", "a/b/z", "a/b/c/z"], kept: ["a/b", "z"]),
        Case(list: "*/temp*", out: ["a/temporary", "a/temp"], kept: ["temp", "a/b/temp"]),
        Case(list: "temp?", out: ["tempa"], kept: ["temp", "tempab"]),
        Case(list: "[a-c]x\n[^0-9]y", out: ["ax", "cx", "ay"], kept: ["dx", "0y"]),
        Case(list: "[", out: ["["], kept: ["a"]),
        Case(list: "\\*", out: ["*"], kept: ["a"]),
        Case(list: "*\n!keep\n", out: ["a", "keeper"], kept: ["keep", "keep/below"]),
        Case(list: "a\n!a/b\na/b/c", out: ["a", "a/x", "a/b/c"], kept: ["a/b", "a/b/d"]),
        Case(list: "*.md\r\n!README.md\r\n", out: ["x.md"], kept: ["README.md"]),
        Case(list: "überall", out: ["überall"], kept: ["uberall"]),
    ]

    @Test(arguments: cases) func `is read as Docker does`(_ example: Case) {
        let list = IgnoredFiles(parsing: example.list)
        for path in example.out { #expect(list.contains(path), "\(path)") }
        for path in example.kept { #expect(!list.contains(path), "\(path)") }
    }

    @Test func `takes no longer for a pattern that nearly fits in many ways`() {
        let list = IgnoredFiles(parsing: String(repeating: "a*", count: 40) + "b")
        #expect(!list.contains(String(repeating: "a", count: 4000)))
    }
}
