import Linux
import Testing
import Wire

@testable import Freestyle

/// What is wrong with something, as a refusal.
private func refusal(_ body: () throws -> Void) -> FreestyleError? {
    do {
        try body()
        return nil
    } catch {
        return error as? FreestyleError
    }
}

@Suite struct `a description of a machine` {
    private let members = Members([
        "workdir": "/srv/top", "ports": [["port": 443, "targetPort": 8080]], "memSizeGb": 1,
        "spec": [
            "aptDeps": ["git"], "vcpuCount": 2, "memSizeGb": 4,
            "snapshot": ["snapshotId": "base", "workdir": "/srv/low"],
        ],
    ])

    @Test func `is laid on from the lowest layer to the create's own`() throws {
        let spec = try FirstSpec(members)
        #expect(spec.layers.count == 3)
        #expect(try spec.snapshot() == "base")
        #expect(try spec.workingDirectory() == "/srv/top")
        #expect(try spec.targetPort() == 8080)
        let size = try spec.size()
        #expect(size.processors == 2 && size.memoryMiB == 1024 && size.diskMiB == nil)
    }

    @Test func `is the create's own members where there is no other`() throws {
        let spec = try FirstSpec(Members(["snapshotId": "claude"]))
        #expect(spec.layers.count == 1)
        #expect(try spec.snapshot() == "claude" && spec.workingDirectory() == nil && spec.targetPort() == nil)
    }

    @Test(arguments: [
        ("baseImage", #"{"dockerfileContent":"FROM x"}"#, "martlet template build"),
        ("domains", #"[{"domain":"a.b","vmPort":1}]"#, "docs/sandbox-addresses.md"),
        ("recreate", "true", "snapshot"), ("dockerCredentials", #"{"a":"b"}"#, "martlet template build"),
    ])
    func `is refused for what can not be had, with what to do, in any layer`(
        name: String,
        value: String,
        advice: String
    )
        throws
    {
        let layer = JSONValue.object([name: try JSONValue(parsing: value)])
        for members in [Members(layer.object ?? [:]), Members(["spec": layer]), Members(["spec": ["snapshot": layer]])]
        {
            let refused = refusal { _ = try FirstSpec(members) }
            #expect(refused?.status == 501 && refused?.message.contains(advice) == true)
        }
        // What says nothing asks for nothing.
        #expect(refusal { _ = try FirstSpec(Members([name: nil])) } == nil)
    }

    @Test func `has no end of layers`() throws {
        var layer: JSONValue = [:]
        for _ in 0..<40 { layer = ["snapshot": layer] }
        #expect(refusal { _ = try FirstSpec(Members(["spec": layer])) }?.status == 400)
    }
}

@Suite struct `repositories of a machine` {
    @Test func `are cloned where they shall be, at their revisions, by whom the description names`() throws {
        let repositories = try Repositories(
            Members([
                "git": [
                    "config": ["user": ["name": "A B", "email": "a@b"]],
                    "repos": [
                        ["repo": "https://example.com/a.git", "path": "/srv//a/"],
                        ["repo": "https://example.com/b.git", "path": "/srv/b", "rev": "v1"],
                    ],
                ]
            ])
        )
        #expect(
            repositories.commands == [
                ["git", "config", "--system", "user.name", "A B"], ["git", "config", "--system", "user.email", "a@b"],
                ["git", "clone", "--quiet", "--", "https://example.com/a.git", "/srv/a"],
                ["git", "clone", "--quiet", "--", "https://example.com/b.git", "/srv/b"],
                ["git", "-C", "/srv/b", "checkout", "--quiet", "v1", "--"],
            ]
        )
        #expect(try Repositories(Members([:])).commands.isEmpty)
    }

    @Test func `are had as git has them`() async throws {
        let place = "/tmp/martlet-repositories-\(Random.hex(8))"
        try Files.makeDirectory(place)
        defer { try? Files.remove(place) }
        func git(_ arguments: [String]) async throws -> String {
            let output = try await Program("git", ["-c", "user.name=n", "-c", "user.email=e"] + arguments).run()
            try #require(output.status == .exited(0), "\(output.errorText)")
            return output.text
        }
        _ = try await git(["init", "-q", "-b", "main", "\(place)/source"])
        for message in ["one", "two"] {
            _ = try await git(["-C", "\(place)/source", "commit", "-q", "--allow-empty", "-m", message])
            _ = try await git(["-C", "\(place)/source", "tag", message])
        }
        let members = Members([
            "git": ["repos": [["repo": .string("\(place)/source"), "path": .string("\(place)/clone"), "rev": "one"]]]
        ])
        for command in try Repositories(members).commands {
            #expect(command.first == "git")
            _ = try await git(Array(command.dropFirst()))
        }
        #expect(try await git(["-C", "\(place)/clone", "log", "-1", "--format=%s"]) == "one\n")
    }

    @Test(arguments: [
        #"{"repo":"--upload-pack=x","path":"/a"}"#, #"{"repo":"x","path":"a"}"#, #"{"repo":"x","path":"/a/../b"}"#,
        #"{"repo":"x","path":"/a","rev":"-f"}"#, #"{"path":"/a"}"#, #"{"repo":"x"}"#,
    ])
    func `are refused`(repository: String) throws {
        let members = Members(["git": ["repos": [try JSONValue(parsing: repository)]]])
        #expect(refusal { _ = try Repositories(members) }?.status == 400)
    }

    @Test(arguments: ["-o", "a b", "a;b", "", "a\nb", "../x"]) func `bring no package with a name that is none`(
        name: String
    ) {
        #expect(refusal { _ = try Furniture(Members(["aptDeps": [.string(name)]])) }?.status == 400)
    }

    @Test(arguments: ["git", "libc6-dev", "g++", "python3.11", "git=1:2.39.5-0+deb12u2", "zlib1g-dev/stable"])
    func `bring packages by Debian's names`(name: String) throws {
        _ = try Furniture(Members(["aptDeps": [.string(name)]]))
    }
}

@Suite struct `the size of a machine` {
    private static func size(_ members: [String: JSONValue]) throws -> VMSize { try VMSize(Members(members)) }

    private func there() throws -> VMSize { try Self.size(["cpu": 2, "memory": 2048, "storage": 4096]) }

    @Test func `is had where it is the template's, or less at create`() throws {
        let there = try there()
        #expect(refusal { try Self.size([:]).checkResize(of: there, of: "t") } == nil)
        #expect(refusal { try Self.size(["cpu": 2, "memory": 2048]).checkResize(of: there, of: "t") } == nil)
        let less = try VMSize(first: Members(["vcpuCount": 1, "memSizeGb": 0.5, "rootfsSizeGb": 4]))
        #expect(refusal { try less.check(within: there, of: "t") } == nil)
    }

    @Test(arguments: [("cpu", 3, "--cpu"), ("memory", 4096, "--memory"), ("storage", 8192, "--disk")])
    func `can not become more, and it is said what to do`(name: String, value: Int64, flag: String) throws {
        let there = try there()
        let refused = refusal { try Self.size([name: .integer(value)]).checkResize(of: there, of: "mine") }
        #expect(refused?.status == 501)
        #expect(refused?.message.contains("martlet template build \(flag)") == true)
        #expect(refused?.message.contains("'mine'") == true)
    }

    @Test func `can not become less`() throws {
        let there = try there()
        #expect(refusal { try Self.size(["memory": 1024]).checkResize(of: there, of: "t") }?.status == 400)
        #expect(refusal { _ = try Self.size(["memory": 0]) }?.status == 400)
        #expect(refusal { _ = try Self.size(["disk": 1]) }?.status == 400)
    }
}
