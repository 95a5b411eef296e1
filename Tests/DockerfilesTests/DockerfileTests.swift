import Testing

@testable import Dockerfiles

@Suite struct `a Dockerfile` {
    private static func steps(_ text: String, _ arguments: [String: String] = [:]) throws -> [Dockerfile.Step.Action] {
        try Dockerfile(parsing: "FROM base\n" + text, arguments: arguments).steps.map(\.action)
    }

    @Test func `is an image and steps with their lines`() throws {
        let file = try Dockerfile(
            parsing: """
                # first of all
                ARG VERSION=12
                FROM debian:${VERSION} AS only

                ENV A=1 B="two words" C=$A
                ENV OLD  the old way
                WORKDIR /app
                COPY --chown=user:user --chmod=0755 one two /app
                RUN apt-get update && \\
                    # inside
                    apt-get install -y git
                USER user
                EXPOSE 80
                ENTRYPOINT ["python3", "-m", "it's"]
                CMD ["http.server"]
                """
        )
        #expect(file.base == "debian:12")
        #expect(
            file.steps == [
                .init(
                    line: 5,
                    action: .environment([
                        .init(name: "A", value: "1"), .init(name: "B", value: "two words"),
                        .init(name: "C", value: "$A"),
                    ])
                ), .init(line: 6, action: .environment([.init(name: "OLD", value: "the old way")])),
                .init(line: 7, action: .directory("/app")),
                .init(line: 8, action: .copy(source: "one", destination: "/app/", owner: "user:user", mode: "0755")),
                .init(line: 8, action: .copy(source: "two", destination: "/app/", owner: "user:user", mode: "0755")),
                .init(line: 9, action: .run("apt-get update &&     apt-get install -y git")),
                .init(line: 12, action: .user("user")),
            ]
        )
        #expect(file.start == "python3 -m 'it'\\''s' http.server")
        #expect(file.notes == ["line 13: EXPOSE does nothing here"])
    }

    @Test func `has here-documents`() throws {
        #expect(
            try Self.steps("RUN <<EOF\nset -e\necho \"$A\"\nEOF\nUSER root") == [
                .run("set -e\necho \"$A\""), .user("root"),
            ]
        )
        #expect(try Self.steps("RUN python3 <<'PY'\nprint(1)\nPY") == [.run("python3 <<'PY'\nprint(1)\nPY")])
        #expect(
            try Self.steps("COPY <<-END /etc/motd\n\thello\n\tEND")
                == [.write(name: "END", text: "hello\n", destination: "/etc/motd", owner: nil, mode: nil)]
        )
        // A string for standard input is none.
        #expect(try Self.steps("RUN cat <<<word") == [.run("cat <<<word")])
    }

    @Test func `gives arguments to those that name them`() throws {
        #expect(
            try Self.steps("ARG V=1\nARG W\nRUN echo $V $W\nRUN true\nCOPY f-$V /x\nENV E=${V}", ["W": "a b"])
                == [
                    .run("export V=1; export W='a b'; echo $V $W"), .run("true"),
                    .copy(source: "f-1", destination: "/x", owner: nil, mode: nil),
                    .environment([.init(name: "E", value: "1")]),
                ]
        )
        // A variable that a step has set hides an argument.
        #expect(try Self.steps("ARG V=1\nENV V=2\nWORKDIR /$V").last == .directory("/$V"))
    }

    @Test func `reads words as Docker does`() {
        #expect(DockerfileWords.split(#"a "b \"c" 'd $e' f\ g"#) == ["a", "b \"c", "d \\$e", "f g"])
        #expect(DockerfileWords.split("'open") == nil)
        #expect(DockerfileWords.list(#"["a", "b\n\u0041"]"#) == ["a", "b\nA"])
        #expect(DockerfileWords.list(#"["a" "b"]"#) == nil)
        #expect(DockerfileWords.list("[ -f x ]") == nil)
    }

    private static let faults: [(text: String, line: Int, words: String)] = [
        ("", 1, "no FROM"), ("RUN true", 1, "must be FROM"), ("FROM a\nFROM b", 2, "stage"),
        ("FROM a\n\nCOPY x", 3, "destination"), ("FROM a\nRUN", 2, "no command"),
        ("FROM a\nRUN --mount=type=cache true", 2, "--mount"), ("FROM a\nCOPY --from=x a b", 2, "--from"),
        ("FROM a\nADD https://example.org/x /x", 2, "nothing is fetched"),
        ("FROM a\nCOPY ../x /x", 2, "out of the context"),
        ("FROM a\nENV 1A=b", 2, "name"), ("FROM a\nENV A", 2, "no value"), ("FROM a\nRUN <<EOF\ntrue", 2, "no end"),
        ("FROM a\nFETCH x", 2, "no instruction 'FETCH'"), ("FROM a\nSHELL [\"sh\"]", 2, "not supported"),
        ("FROM $NOTHING", 1, "names no image"), ("FROM a\nUSER a b", 2, "exactly one"),
        ("FROM a\nCOPY --chmod=rwx a b", 2, "octal"), ("FROM a\nENV A='b", 2, "quote"),
    ]

    @Test(arguments: faults) func `is refused with the line of its fault`(
        _ fault: (text: String, line: Int, words: String)
    ) {
        #expect {
            try Dockerfile(parsing: fault.text)
        } throws: { error in
            guard let error = error as? DockerfileError else { return false }
            return error.line == fault.line && error.message.contains(fault.words)
        }
    }
}
