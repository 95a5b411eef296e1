import Linux
import Records
import Sandboxes
import Testing
import Wire

@testable import Templates

@Suite struct `a step` {
    @Test func `is read from E2B's form`() throws {
        let hash = String(repeating: "ab", count: 32)
        #expect(try Instruction(TemplateStep("RUN", ["make", "root"])) == .run("make", user: "root"))
        #expect(try Instruction(TemplateStep("RUN", ["make", ""])) == .run("make", user: nil))
        #expect(
            try Instruction(TemplateStep("COPY", ["a", "/b/", "", "0644"], filesHash: hash))
                == .copy(.init(source: "a", destination: "/b/", user: nil, mode: "0644", files: hash))
        )
        #expect(
            try Instruction(TemplateStep("ENV", ["A", "1", "B", "$A"]))
                == .environment([.init(name: "A", value: "1"), .init(name: "B", value: "$A")])
        )
        #expect(try Instruction(TemplateStep("workdir", ["/x"])) == .directory("/x"))
    }

    private static let refused = [
        TemplateStep("RUN", []), TemplateStep("RUN", [""]), TemplateStep("RUN", ["a\0b"]),
        TemplateStep("RUN", ["a", "b", "c"]),
        TemplateStep("COPY", ["a"]), TemplateStep("COPY", ["a", "/b"]),
        TemplateStep("COPY", ["a", "/b"], filesHash: "../../etc"),
        TemplateStep("COPY", ["a", "/b", "", "u+x"], filesHash: String(repeating: "0", count: 64)),
        TemplateStep("ENV", []), TemplateStep("ENV", ["A"]), TemplateStep("ENV", ["A B", "1"]),
        TemplateStep("ENV", ["1A", "1"]),
        TemplateStep("USER", []), TemplateStep("WORKDIR", ["a", "b"]), TemplateStep("FETCH", ["x"]),
    ]

    @Test(arguments: refused) func `that makes no sense is refused`(_ step: TemplateStep) {
        #expect {
            try Instruction(step)
        } throws: {
            ($0 as? TemplateError)?.code == .invalidRequest
        }
    }

    @Test func `sets what those behind it find`() {
        var context = StepContext(environment: ["A": "1"], user: "user", directory: "/home/user")
        context.apply(.environment([.init(name: "B", value: "${A}2"), .init(name: "C", value: "$B$NONE.")]))
        #expect(context.environment == ["A": "1", "B": "12", "C": "12."])
        context.apply(.directory("below"))
        context.apply(.user("$A"))
        #expect(context.directory == "/home/user/below" && context.user == "1")
        context.apply(.directory("/"))
        context.apply(.directory("x"))
        #expect(context.directory == "/x")
    }

    @Test(arguments: [
        ("a$", "a$"), ("$", "$"), ("$1", "$1"), ("\\$A", "$A"), ("${A", "${A"), ("${A:-x}${N:-x}", "1x"),
        ("${A:+x}${N:+x}", "x"), ("$A$A", "11"), ("$A-$B", "1-"), ("/x:$PATH", "/x:" + StepContext.standardPath),
    ])
    func `substitutes variables`(_ text: String, _ expected: String) {
        #expect(StepContext(environment: ["A": "1"], user: "u", directory: "/").substituted(text) == expected)
    }
}

@Suite struct `uploaded files` {
    @Test func `are whole or not there`() async throws {
        try await Installation.with { here in
            let files = UploadedFiles(here.home)
            let hash = String(repeating: "a1", count: 32)
            struct Broken: Error {}
            var parts = 0
            await #expect(throws: Broken.self) {
                try await files.receive(hash) {
                    parts += 1
                    if parts == 2 { throw Broken() }
                    return [1]
                }
            }
            #expect(!files.has(hash) && Files.list("\(here.home.cache)/uploads").isEmpty)
            var rest: [[UInt8]] = [[1, 2], [3]]
            let size = try await files.receive(hash) { rest.isEmpty ? [] : rest.removeFirst() }
            #expect(size == 3)
            #expect(files.has(hash))
            for name in ["", "..", hash.uppercased(), "\(hash)0", "../\(hash.dropFirst(3))"] {
                await #expect(throws: TemplateError.self) { try await files.receive(name) { [] } }
            }
        }
    }
}

@Suite struct `names of templates` {
    @Test func `have tags, and a build goes with the last of them`() async throws {
        try await Installation.with { here in
            let first = try await here.builder().build(.init(name: "base")) { _ in }
            try here.templates.tag("base", ["v1", "stable"])
            #expect(here.templates.tags(of: "base").map(\.tag) == ["default", "v1", "stable"])
            #expect(here.templates.names() == ["base"])
            #expect(try here.templates.template("base:v1").manifest.buildID == first.buildID)
            #expect(here.templates.pointee("base:latest") == first.buildID)
            #expect(throws: SandboxError.self) { try here.templates.tag("base", ["a/b"]) }
            #expect(throws: SandboxError.self) { try here.templates.tag("base:none", ["x"]) }
            try here.templates.remove("base:stable")
            try here.templates.remove("base:default")
            #expect(here.templates.tags(of: "base").map(\.tag) == ["v1"])
            here.templates.sweep()
            #expect(try here.templates.template("base:v1").manifest.buildID == first.buildID)
            try here.templates.remove("base")
            #expect(here.templates.builds() == [])
        }
    }

    @Test(arguments: ["", ":", "a:", ":b", "A", "a:b:c", "../x", "a/b", ".a"])
    func `are nothing else`(_ text: String) {
        #expect(TemplateName(text) == nil)
    }
}

@Suite struct `images' names` {
    @Test func `mean what the owner says, and else what is honest`() async throws {
        try await Installation.with { here in
            let names = ImageNames(here.home)
            #expect(names.meaning(of: "debian:12") == .init(source: .template("base"), note: nil))
            #expect(names.meaning(of: "docker.io/library/debian:bookworm")?.note == nil)
            #expect(names.meaning(of: "python:3.12")?.note?.contains("Python 3.11") == true)
            #expect(names.meaning(of: "node:20")?.note?.contains("without Node") == true)
            #expect(names.meaning(of: "quay.io/x/y:1") == nil)
            #expect(try names.own("python:3.12") == nil)
            try Files.write(#"{"python:3.12": "template:mine", "bad": "nonsense"}"#.utf8, to: names.file)
            #expect(try names.own("docker.io/library/python:3.12") == .init(source: .template("mine"), note: nil))
            #expect(throws: TemplateError.self) { try names.own("bad") }
            #expect(
                ImageSource("oci:/x:1")?.transport == "oci:/x:1"
                    && ImageSource("docker://h/n")?.transport == "docker://h/n"
            )
            for text in ["oci:x", "docker://", "docker://-x", "/x", "file:/x", "rootfs:", "name"] {
                #expect(ImageSource(text) == nil, "\(text)")
            }
            try Files.write("[".utf8, to: names.file)
            #expect(throws: TemplateError.self) { try names.own("python:3.12") }
        }
    }
}

@Suite struct `a login to a registry` {
    @Test func `is a name and a password, whoever the registry belongs to`() throws {
        let plain = try ImageImport.credential(of: RegistryLogin(type: "registry", username: "me", password: "word"))
        #expect(plain == ("me", "word"))
        let google = try JSONValue(parsing: #"{"type":"gcp","serviceAccountJson":"{}"}"#).decode(RegistryLogin.self)
        #expect(try ImageImport.credential(of: google) == ("_json_key", "{}"))
        for login in [RegistryLogin(type: "aws"), RegistryLogin(type: "gcp"), RegistryLogin(type: "registry")] {
            #expect(throws: TemplateError.self) { try ImageImport.credential(of: login) }
        }
    }
}

@Suite struct `a template's size` {
    @Test func `has room for the steps and for what is to be free`() throws {
        #expect(TemplateSize().diskMiB(above: 700) == nil)
        #expect(TemplateSize(diskMiB: 4096, freeMiB: 0).diskMiB(above: 700) == 4096)
        #expect(TemplateSize(freeMiB: 10_000).diskMiB(above: 700) == 12_748)
        #expect(TemplateSize(diskMiB: 20_000, freeMiB: 10_000).diskMiB(above: 700) == 20_000)
        #expect(throws: TemplateError.self) { try TemplateSize(freeMiB: -1).check() }
        #expect(throws: TemplateError.self) { try TemplateSize(processors: 17).check() }
    }
}
