import Glibc
import Linux
import Records
import Testing
import Wire

extension Martlet {
    /// Nothing is started for these, and each says what to do.
    @Suite struct `a line that can not be done` {
        private func run(_ arguments: String..., input: String = "") async throws -> FinishedRun {
            FinishedRun(try await shared().martlet(["run", "--output", "json"] + arguments, input: Array(input.utf8)))
        }

        @Test func `has an empty prompt`() async throws {
            try await run("").wasRefused("prompt is empty")
            try await run("-", input: " \n").wasRefused("prompt is empty")
        }

        @Test func `has a schema that is none`() async throws {
            let martlet = try shared()
            try await run("--schema", #"{"properties": {"a": {"type": "objekt"}}}"#, "Go")
                .wasRefused("/properties/a/type", "objekt")
            try await run("--schema", #"{"type": "#, "Go").wasRefused("not JSON")
            try await run("--schema", "missing.json", "Go").wasRefused("missing.json")
            try Files.write(#"{"minLength": -1}"#.utf8, to: "\(martlet.root)/work/bad.json")
            try await run("--schema", "bad.json", "Go").wasRefused("bad.json", "/minLength")
        }

        @Test func `names a template that there is not`() async throws {
            let refused = try await run("--template", "cluade", "Go")
            refused.wasRefused("cluade", "claude", status: 1)
        }

        @Test func `names a directory that is missing, or is none`() async throws {
            let martlet = try shared()
            try Files.write("x".utf8, to: "\(martlet.root)/work/plain")
            try await run("--dir", "nowhere", "Go").wasRefused("nowhere")
            try await run("--dir", "plain", "Go").wasRefused("plain", "directory")
        }

        @Test func `names a directory that can not be read`() async throws {
            let martlet = try shared()
            let path = "\(martlet.root)/work/closed"
            try Files.makeDirectory(path, mode: 0o700)
            chmod(path, 0)
            var line = [Installation.binary, "run", "--dir", path, "Go"]
            if geteuid() == 0 {
                // Root may read everything: somebody else must try.
                chmod(martlet.root, 0o755)
                chmod("\(martlet.root)/work", 0o755)
                line = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] + line
            }
            var program = try Program(line[0], Array(line.dropFirst()), directory: "/")
            program.environment = martlet.environment
            let output = try await program.run()
            #expect(output.status == .exited(2), "\(output.errorText)")
            #expect(output.errorText.contains("closed") && output.errorText.contains("ermission"))
        }

        @Test func `names a directory larger than the guest's disk`() async throws {
            let martlet = try shared()
            let project = try Project("\(martlet.root)/work/large")
            // Sparse: it takes nothing here, and would there.
            let file = try Descriptor.open("\(project.path)/huge", O_WRONLY | O_CREAT)
            #expect(ftruncate(file.raw, 64 << 30) == 0)
            let refused = try await run("--dir", project.path, "Go")
            refused.wasRefused("65536 MiB", "--disk", status: 1)
        }

        @Test func `has an option that there is not`() async throws {
            try await run("--shcema", "{}", "Go").wasRefused("--schema")
        }

        @Test func `goes on with a run that there is not`() async throws {
            try await run("--resume", "rnothing", "Go").wasRefused("rnothing", "martlet runs", status: 1)
        }
    }

    @Suite struct `a daemon` {
        @Test func `without a way to a model says what to set`() async throws {
            try await Installation.with(variables: ["ANTHROPIC_BASE_URL": nil, "ANTHROPIC_API_KEY": nil]) { martlet in
                let refused = FinishedRun(try await martlet.martlet(["run", "--output", "json", "Go"]))
                refused.wasRefused("ANTHROPIC_API_KEY", "martlet model", status: 1)
            }
        }

        @Test func `without QEMU says what to install`() async throws {
            try await Installation.with(starts: false) { martlet in
                let output = try await martlet.martlet(["serve", "--port", "0"], variables: ["PATH": "/nowhere"])
                // The administrator's directories are always searched; QEMU's is not among them.
                #expect(output.status == .exited(1))
                #expect(output.errorText.contains("qemu-system-x86"), "\(output.errorText)")
                let run = try await martlet.martlet(["run", "Go"], variables: ["PATH": "/nowhere"])
                #expect(run.status == .exited(1))
                #expect(run.errorText.contains("qemu-system-x86"), "\(run.errorText)")
                try Files.remove(martlet.home.log)
            }
        }

        @Test func `sweeps a template that was half built, and never uses it`() async throws {
            try await Installation.with(starts: false) { martlet in
                let builds = "\(martlet.home.templates)/builds"
                // There are others' builds, too, which this installation has no names for.
                let whole = String(decoding: try Files.read("\(martlet.home.templates)/names/claude"), as: UTF8.self)
                for half in ["\(martlet.home.templates)/building/half", "\(builds)/half"] {
                    try Files.makeDirectory(half)
                    try Files.write("x".utf8, to: "\(half)/memory")
                }
                try await martlet.start()
                #expect(Files.list(builds) == [whole])
                #expect(Files.list("\(martlet.home.templates)/building").isEmpty)

                // A name that points to something that is not whole is refused in words.
                try await martlet.endDaemon(SIGINT)
                try Files.makeDirectory("\(builds)/torn")
                try Files.write("{".utf8, to: "\(builds)/torn/manifest.json")
                try Files.write("torn".utf8, to: "\(martlet.home.templates)/names/claude")
                try await martlet.start()
                let refused = FinishedRun(try await martlet.martlet(["run", "--output", "json", "Go"]))
                refused.wasRefused("martlet template build claude", status: 1)
            }
        }

        @Test func `does not share its home with a second one`() async throws {
            let output = try await shared().martlet(["serve", "--port", "0"])
            #expect(output.status == .exited(1))
            #expect(output.errorText.contains("runs already"))
        }

        @Test(.enabled(if: geteuid() == 0, "A small file system can be mounted by root only"))
        func `on a full disk says so`() async throws {
            try await Installation.with(starts: false) { martlet in
                let small = "\(martlet.root)/small"
                let variables = ["MARTLET_HOME": small]
                try Files.makeDirectory(small)
                guard mount("tmpfs", small, "tmpfs", 0, "size=16m") == 0 else {
                    try Test.cancel("No file system can be mounted here")
                }
                defer { umount2(small, Int32(MNT_DETACH)) }
                for name in ["templates", "images"] {
                    try Project(small).link(name, to: "\(martlet.home.path)/\(name)")
                }
                let filling = try Descriptor.open("\(small)/filling", O_WRONLY | O_CREAT)
                func fill() { while (try? filling.writeAll([UInt8](repeating: 0, count: 4096))) != nil {} }
                fill()
                let early = try await martlet.martlet(["run", "Go"], variables: variables)
                #expect(early.status == .exited(1))
                #expect(early.errorText.lowercased().contains("space"), "\(early.errorText)")

                // It becomes full when a daemon runs already.
                #expect(ftruncate(filling.raw, 0) == 0 && lseek(filling.raw, 0, SEEK_SET) == 0)
                let ready = try await martlet.martlet(
                    ["create"],
                    variables: variables.merging(["ANTHROPIC_BASE_URL": martlet.model.url]) { $1 }
                )
                #expect(ready.status == .exited(0), "\(ready.errorText)")
                fill()
                let late = try await martlet.martlet(
                    ["run", "Go"],
                    variables: variables
                )
                #expect(late.status == .exited(1))
                #expect(late.errorText.lowercased().contains("space"), "\(late.errorText)")
                #expect(ftruncate(filling.raw, 0) == 0)
                #expect(try await martlet.martlet(["shutdown"], variables: variables).status == .exited(0))
                #expect(Files.list("\(small)/machines").isEmpty)
            }
        }
    }
}
