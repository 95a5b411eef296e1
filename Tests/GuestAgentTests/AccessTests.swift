import FoundationEssentials
import HTTP
import RPC
import Testing
import Wire

@testable import GuestAgent

@Suite struct `a guest` {
    @Test func `answers nothing but its health before it has an identity`() async throws {
        try await RunningAgent.run(isIdentified: false) { agent in
            expect(try await agent.send("GET", "/health").status, 204)
            for target in ["/envs", "/metrics", "/files?path=/etc/passwd", "/martlet/pack?path=/etc", "/nothing"] {
                expect(try await agent.send("GET", target).status, 401)
            }
            let refused = try await agent.send("POST", "/\(ListProcesses.name)", [:], Array("{}".utf8))
            #expect(refused.status == 401)
            expect(try await agent.send("POST", GuestProtocol.tunnelPath).status, 401)
        }
    }

    @Test func `takes its first identity from who knows the secret only`() async throws {
        try await RunningAgent.run(isIdentified: false) { agent in
            expect(try await agent.identify([:]), 401)
            expect(try await agent.identify([GuestProtocol.bootstrapHeader: "a guess"]), 401)
            expect(try await agent.identify([GuestProtocol.tokenHeader: ""]), 401)
            expect(try await agent.identify([GuestProtocol.bootstrapHeader: RunningAgent.secret]), 204)
            expect(try await agent.send("GET", "/envs").status, 200)
        }
    }

    @Test func `takes another identity with its token, and forgets the old one`() async throws {
        try await RunningAgent.run { agent in
            expect(try await agent.identify([GuestProtocol.bootstrapHeader: RunningAgent.secret]), 401)
            var next = RunningAgent.identity
            next.accessToken = "the second token"
            next.envVars = [:]
            expect(try await agent.identify([GuestProtocol.tokenHeader: RunningAgent.token], next), 204)
            expect(try await agent.send("GET", "/envs").status, 401)
            let answer = try await agent.send("GET", "/envs", [GuestProtocol.tokenHeader: "the second token"])
            #expect(answer.status == 200)
            #expect(answer.body == Array("{}".utf8))
            expect(try await agent.identify([GuestProtocol.tokenHeader: RunningAgent.token]), 401)
        }
    }

    @Test func `is nobody's once it was released, with nothing left of its owner`() async throws {
        try await RunningAgent.run { agent in
            let cat = StartProcess.Request(process: ProcessConfig(cmd: "cat"))
            let story = try await agent.calls.stream(StartProcess.self, cat) { events in
                var story = Story()
                _ = try await story.read(&events)
                expect(try await agent.send("POST", GuestProtocol.releasePath).status, 204)
                try await story.readAll(&events)
                return story
            }
            #expect(story.end?.status == "signal: killed")
            expect(try await agent.send("GET", "/envs").status, 401)
            expect(try await agent.identify([GuestProtocol.tokenHeader: RunningAgent.token]), 401)
            expect(try await agent.identify([GuestProtocol.bootstrapHeader: RunningAgent.secret]), 204)
        }
    }

    @Test(arguments: ["wrong", "", RunningAgent.token + "x"])
    func `refuses a wrong token everywhere, in the words of envd`(_ token: String) async throws {
        try await RunningAgent.run { agent in
            let places = [
                ("GET", "/envs"), ("GET", "/metrics"), ("GET", "/files?path=f"), ("POST", "/files?path=f"),
                ("POST", "/files/compose"), ("POST", "/process.Process/List"), ("POST", "/process.Process/Start"),
                ("POST", "/filesystem.Filesystem/Stat"), ("POST", "/filesystem.Filesystem/WatchDir"),
                ("POST", "/\(ReadJournal.name)"), ("POST", GuestProtocol.connectPath), ("POST", "/nowhere"),
                ("GET", "/health/"), ("POST", "/init"),
            ]
            for (method, target) in places {
                let answer = try await agent.send(method, target, [GuestProtocol.tokenHeader: token])
                #expect(answer.status == 401)
                let message =
                    "unauthorized access, please provide a valid access token or method signing if supported"
                #expect(try JSONValue(parsing: answer.body) == ["code": 401, "message": .string(message)])
            }
        }
    }

    @Test func `refuses an identity without randomness`() async throws {
        try await RunningAgent.run { agent in
            var next = RunningAgent.identity
            next.entropy = Data([1])
            expect(try await agent.identify([GuestProtocol.tokenHeader: RunningAgent.token], next), 400)
        }
    }

    @Test func `tells what it uses of its machine`() async throws {
        try await RunningAgent.run { agent in
            let metrics = try JSONValue(parsing: try await agent.send("GET", "/metrics").body)
            #expect(metrics["cpu_count"]?.number ?? 0 >= 1)
            #expect(metrics["mem_total"]?.number ?? 0 > metrics["mem_used"]?.number ?? 0)
            #expect(metrics["disk_total"]?.number ?? 0 > 0)
        }
    }
}

@Suite struct `a secret's hash` {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ])
    func `is SHA-256`(_ text: String, _ expected: String) {
        #expect(SecretHash(of: text).hexadecimal == expected)
    }

    @Test func `knows its secret, and is not fooled by another`() throws {
        let hash = try #require(SecretHash(hexadecimal: SecretHash(of: "secret").hexadecimal))
        #expect(hash.matches("secret"))
        #expect(!hash.matches("Secret"))
        #expect(!hash.matches(""))
        #expect("\(hash)" == "‹redacted›")
    }

    @Test(arguments: ["", "00", String(repeating: "g", count: 64), String(repeating: "a", count: 65)])
    func `is read from 64 hexadecimal digits only`(_ text: String) {
        #expect(SecretHash(hexadecimal: text) == nil)
    }

    @Test func `comes from the kernel's command line`() {
        let digits = SecretHash(of: "secret").hexadecimal
        let line = KernelCommandLine("console=ttyS0 martlet.bootstrap=\(digits) quiet\n")
        #expect(line.bootstrap?.matches("secret") == true)
        #expect(KernelCommandLine("console=ttyS0 xmartlet.bootstrap=\(digits)").bootstrap == nil)
    }
}

@Suite struct `the accounts of a guest` {
    private let accounts = Accounts(
        passwd: """
            root:x:0:0:root:/root:/bin/bash
            # a remark: of:no:use:to:any:one
            broken:x:one:two:::
            short:x:1
            user:x:1000:1000:,,,:/home/user:/bin/bash
            bare:x:1001:100:::
            """,
        group: """
            root:x:0:
            users:x:100:
            sudo:x:27:user,other
            docker:x:999:user
            user:x:1000:user
            """
    )

    @Test func `have their ids, homes and all their groups`() throws {
        let user = try #require(accounts["user"])
        #expect(
            user
                == Account(
                    name: "user",
                    uid: 1000,
                    gid: 1000,
                    home: "/home/user",
                    shell: "/bin/bash",
                    groups: [1000, 27, 999]
                )
        )
        #expect(accounts["bare"]?.home == "/")
        #expect(accounts["bare"]?.shell == "/bin/sh")
    }

    @Test func `do not include lines that are no entries`() {
        #expect(accounts["broken"] == nil)
        #expect(accounts["short"] == nil)
        #expect(accounts["# a remark"] == nil)
    }

    @Test func `have names where there are names`() {
        #expect(accounts.userName(1000) == "user")
        #expect(accounts.userName(4) == "4")
        #expect(accounts.groupName(27) == "sudo")
        #expect(accounts.groupName(4) == "4")
    }

    @Test(arguments: [
        ("", "/home/user"), ("a/b", "/home/user/a/b"), ("~", "/home/user"), ("~/x", "/home/user/x"),
        ("/a//b/./c/", "/a/b/c"),
        ("/a/../../b", "/b"), ("/", "/"),
    ])
    func `begin their paths at home`(_ path: String, _ expected: String) throws {
        let place = Place(account: try #require(accounts["user"]), surroundings: Authority.Surroundings())
        #expect(try place.resolve(path) == expected)
    }

    @Test func `do not lend their homes by name`() throws {
        let place = Place(account: try #require(accounts["user"]), surroundings: Authority.Surroundings())
        #expect(throws: CallError.self) { try place.resolve("~root/x") }
        #expect(throws: CallError.self) { try place.resolve("a\0b") }
    }
}
