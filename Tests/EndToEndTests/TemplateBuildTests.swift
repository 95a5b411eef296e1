import Glibc
import Linux
import RPC
import Records
import Testing
import Wire

/// Templates of people's own, built by Dockerfiles in microVMs of `base`.
@Suite(
    .serialized,
    .enabled(if: Installation.isPossible, Installation.absence),
    .sharedInstallation(templates: ["base"], arguments: ["--pool", "0"])
)
struct `a template of one's own` {
    /// Writes a Dockerfile, and builds a template by it.
    private func build(_ name: String, _ dockerfile: String, _ arguments: [String] = []) async throws -> Program.Output
    {
        let martlet = try shared()
        let place = try context(dockerfile)
        return try await Installation.slots.withPermit {
            try await martlet.martlet(
                ["template", "build", name, "--dockerfile", "\(place)/Dockerfile", "--context", place] + arguments
            )
        }
    }

    private func context(_ dockerfile: String) throws -> String {
        let place = "\(try shared().root)/work/\(Random.name(8))"
        try Files.makeDirectory("\(place)/files/below")
        try Files.write(dockerfile.utf8, to: "\(place)/Dockerfile")
        for number in 0..<20 { try Files.write("\(number)".utf8, to: "\(place)/files/f\(number)", mode: 0o644) }
        try Files.write("*.log\n!kept.log\n**/below/*.log\n".utf8, to: "\(place)/.dockerignore")
        try Files.write("left out".utf8, to: "\(place)/files/below/noise.log")
        try Files.write("deep".utf8, to: "\(place)/files/below/.hidden", mode: 0o640)
        return place
    }

    /// What a program of a sandbox of `template` writes.
    private func output(_ script: String, in template: String) async throws -> [String] {
        let martlet = try shared()
        return try await Installation.slots.withPermit {
            let sandbox = try await martlet.client.call(CreateSandbox.self, .init(template: template))
            let run = try await martlet.martlet(["exec", sandbox.id, "--", "bash", "-lc", script])
            try await martlet.martlet(["kill", sandbox.id])
            #expect(run.status.isSuccess, "\(run.errorText)")
            return run.text.split(separator: "\n").map(String.init)
        }
    }

    private func pointee(_ name: String) throws -> String? {
        (try? Files.read("\(shared().home.templates)/names/\(name)")).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `has what its steps made, and its server runs already`() async throws {
        let dockerfile = """
            FROM base
            ARG WHO=nobody
            ENV GREETING="hello there" PATH=/opt/tools:$PATH
            COPY --chown=user --chmod=0755 files /srv/
            COPY files/f1* /picked/
            COPY <<END /etc/motd
            written here
            END
            RUN mkdir /opt/tools && printf '#!/bin/sh\\necho "$GREETING, %s"\\n' $WHO > /opt/tools/greet && chmod 755 /opt/tools/greet
            WORKDIR /srv
            USER user
            """
        let arguments = [
            "--build-arg", "WHO=you", "--start", "python3 -m http.server 8000", "--ready", "curl -sf localhost:8000",
        ]
        let first = try await build("mine", dockerfile, arguments)
        #expect(first.status.isSuccess, "\(first.errorText)")
        let script = """
            greet; pwd; id -un; ls | wc -l; cat below/.hidden; ls below; ls /picked | wc -l; cat /etc/motd; stat -c '%U %a' f1
            curl -s localhost:8000/f7; echo
            """
        let expected = [
            "hello there, you", "/srv", "user", "21", "deep11", "written here", "user 755", "7",
        ]
        #expect(try await output(script, in: "mine") == expected)
        // All of it is there, so nothing runs; and another name for it is another build with the same files.
        let again = try await build("other:v1", dockerfile, arguments)
        #expect(again.status.isSuccess && again.errorText.contains("nothing has changed"), "\(again.errorText)")
        #expect(
            try await output("greet; curl -s localhost:8000/f9; echo", in: "other:v1") == ["hello there, you", "9"]
        )
        // What went before a change is used again.
        let changed = try await build("mine", dockerfile + "\nRUN echo more > /var/tmp/more", arguments)
        #expect(changed.errorText.contains("CACHED 7") && changed.errorText.contains("STEP 10"), "\(changed.errorText)")
        #expect(try await output("cat /var/tmp/more", in: "mine") == ["more"])
        let martlet = try shared()
        let sandbox = try await martlet.client.call(CreateSandbox.self, .init(template: "mine", lifetime: 600))
        #expect(try await martlet.martlet(["sandbox", "pause", "--files-only", sandbox.id]).status.isSuccess)
        #expect(try await martlet.martlet(["sandbox", "resume", sandbox.id]).status.isSuccess)
        // Its server was started anew.
        let served = try await martlet.exec(sandbox, "sh", "-c", "until curl -sf localhost:8000/f7; do sleep 0.1; done")
        #expect(served.text == "7", "\(served.errorText)")
        #expect(try await martlet.martlet(["kill", sandbox.id]).status.isSuccess)
        #expect(try await martlet.martlet(["template", "tag", "mine", "kept"]).status.isSuccess)
        #expect(try pointee("mine:kept") == pointee("mine"))
        #expect(try await martlet.martlet(["template", "logs", "mine"]).text.contains("the template is ready"))
        #expect(try await martlet.martlet(["template", "du", "--prune"]).text.contains("mine"))
        let file = "\(martlet.root)/work/mine.template"
        let exported = try await martlet.martlet(["template", "export", "mine", file])
        #expect(exported.status.isSuccess, "\(exported.errorText)")
        #expect(try await martlet.martlet(["template", "rm", "mine", "other"]).status.isSuccess)
        #expect(try pointee("mine:kept") == nil)
        let back = try await martlet.martlet(["template", "import", file, "--name", "back:v1"])
        #expect(back.status.isSuccess, "\(back.errorText)")
        let expectedBack = ["more", "hello there, you", "8"]
        #expect(
            try await output("cat /var/tmp/more; greet; curl -s localhost:8000/f8; echo", in: "back:v1") == expectedBack
        )
    }

    @Test func `is what it was when a build of it fails`() async throws {
        #expect(try await build("steady", "FROM base\nRUN echo one > /tmp/one").status.isSuccess)
        let before = try pointee("steady")
        let faults = [
            ("FROM base\nRUN echo out; echo why >&2; exit 7", "exit status 7"),
            ("FROM base\nRUN fallocate -l 20G /var/tmp/full", "No space left on device"),
            ("FROM base\nUSER nobody-here\nRUN true", "invalid username"),
            ("FROM base\nRUN kill -9 $$", "signal: killed"),
            ("FROM base\nRUN echo b > /proc/sysrq-trigger", "machine ended"),
            (
                "FROM base\nRUN curl -sS --max-time 5 http://deb.debian.org/",
                "it may not reach 'deb.debian.org' (denied by default)"
            ),
            ("FROM base\nRUN sleep 600", "did not end within 2 seconds"),
            ("FROM 127.0.0.1:9/x", "was not found"),
        ]
        for (dockerfile, words) in faults {
            let failed = try await build(
                "steady",
                dockerfile,
                dockerfile.contains("sleep") ? ["--step-limit", "2s"] : []
            )
            #expect(failed.status == .exited(1), "\(dockerfile)")
            #expect(failed.errorText.contains(words), "\(dockerfile): \(failed.errorText)")
            #expect(try pointee("steady") == before)
        }
        let faulty = try await build("steady", "FROM base\n\nRUN true\nCOPY nothing-here /x")
        #expect(faulty.status == .exited(2) && faulty.errorText.contains("line 4"), "\(faulty.errorText)")
        let unready = try await build("steady", "FROM base", ["--start", "exit 3", "--ready", "false"])
        #expect(unready.errorText.contains("failed to run command 'exit 3'"), "\(unready.errorText)")
        #expect(try pointee("steady") == before)
        #expect(try Files.list(shared().home.machines).isEmpty)
        #expect(try await output("cat /tmp/one", in: "steady") == ["one"])
    }

    @Test func `is one of two when two are built at once`() async throws {
        async let one = build("twice", "FROM base\nRUN echo one > /srv/which")
        async let two = build("twice", "FROM base\nRUN echo two > /srv/which")
        let results = try await [one, two]
        for result in results { #expect(result.status.isSuccess, "\(result.errorText)") }
        let id = try #require(try pointee("twice"))
        let which = try await output("cat /srv/which", in: "twice")
        #expect(results[which == ["one"] ? 0 : 1].text.contains(id))
    }

    @Test func `is not built on when its builder goes away, or the daemon is killed`() async throws {
        let martlet = try shared()
        let place = try context("FROM base\nRUN echo begun; sleep 600")
        let line = ["template", "build", "halted", "--dockerfile", "\(place)/Dockerfile", "--context", place]
        try await Installation.slots.withPermit {
            let (output, _) = try await martlet.martlet(live: line) { program in
                try await program.says("] begun")
                program.child.send(SIGINT)
            }
            #expect(!output.status.isSuccess)
            try await retrying(every: .milliseconds(20), for: .seconds(60)) {
                Files.list(martlet.home.machines).isEmpty ? () : nil
            }
            let log = try await martlet.martlet(["template", "logs", "halted"])
            #expect(log.text.contains("cancelled"), "\(log.text)")

            _ = try await martlet.martlet(live: line) { program in
                try await program.says("] begun")
                try await martlet.endDaemon(SIGKILL)
            }
            try await martlet.start(["--pool", "0"])
            #expect(Files.list(martlet.home.machines).isEmpty)
            #expect(Files.list("\(martlet.home.templates)/building").isEmpty)
            let answer = try await martlet.client.call(ReadTemplateLog.self, .init(name: "halted"))
            #expect(answer.status == .error)
            let refused = try await martlet.martlet(["create", "halted"])
            #expect(refused.errorText.contains("There is no template 'halted'"))
        }
    }
}
