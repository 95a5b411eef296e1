import Arguments
import FoundationEssentials
import Glibc
import HTTP
import Linux
import QEMUMachines
import RPC
import Records
import Synchronization
import Testing
import Wire

@testable import Commands

private func info(version: String = Version.current, hasCredential: Bool = true) -> GetDaemon.Response {
    GetDaemon.Response(
        version: version,
        processID: 1,
        url: "http://127.0.0.1:3000",
        engine: "qemu",
        accelerator: "tcg",
        modelURL: "https://api.anthropic.com",
        hasCredential: hasCredential,
        sandboxes: 0,
        runs: 0
    )
}

private func surroundings(_ home: String, _ environment: [String: String] = [:]) -> Surroundings {
    Surroundings(environment: environment, home: Home(home))
}

/// Serves `router` on the socket of a home until `body` has ended.
private func serving<Result: Sendable>(
    _ router: CallRouter,
    _ home: String,
    _ body: @Sendable @escaping () async throws -> Result
) async throws -> Result {
    let listener = try Listener(.unix(Home(home).socket))
    let server = HTTPServer { exchange in
        if try await !router.route(exchange) { throw HTTPError(404, "no such call") }
    }
    return try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await server.run(on: listener); return nil
        }
        defer { group.cancelAll() }
        guard let result = try await group.next() ?? nil else { throw Failed(what: "the server ended") }
        return result
    }
}

@Suite struct `a connection to the daemon` {
    @Test func `is none when nobody listens`() async throws {
        let place = try Place()
        #expect(try await DaemonConnection.ifRunning(surroundings(place.path)) == nil)
        // A socket that a daemon left behind when it was killed.
        let listener = try Listener(.unix("\(place.path)/other.sock"))
        rename("\(place.path)/other.sock", Home(place.path).socket)
        listener.close()
        #expect(try await DaemonConnection.ifRunning(surroundings(place.path)) == nil)
    }

    @Test func `asks the daemon who it is`() async throws {
        let place = try Place()
        let path = place.path
        var router = CallRouter()
        router.on(GetDaemon.self) { _, _ in info() }
        let daemon = try await serving(router, path) { try await DaemonConnection.open(surroundings(path)) }
        #expect(daemon.info == info())
        #expect(!daemon.wasStarted)
    }

    @Test func `says that a daemon is broken`() async throws {
        let place = try Place()
        let path = place.path
        try await serving(CallRouter(), path) { () -> Void in
            await #expect {
                try await DaemonConnection.ifRunning(surroundings(path))
            } throws: { error in
                (error as? CommandsError)?.code == .daemonUnreachable && "\(error)".contains("martlet.sock")
            }
        }
    }

    @Test func `never starts a daemon elsewhere`() async throws {
        let free = try Listener(.loopback(0))
        let url = "http://\(free.address)"
        free.close()
        await #expect {
            try await DaemonConnection.open(surroundings("/nowhere", ["MARTLET_API_URL": url]))
        } throws: { error in
            (error as? CommandsError)?.code == .daemonUnreachable && "\(error)".contains(url)
        }
    }

    @Test func `warns of another version only`() {
        #expect(DaemonConnection.versionWarning(info()) == nil)
        #expect(DaemonConnection.versionWarning(info(version: "9.9"))?.contains("martlet shutdown") == true)
    }

    @Test(
        arguments: [
            ([:], true, false), ([:], false, false), (["ANTHROPIC_API_KEY": "k"], true, false),
            (["ANTHROPIC_API_KEY": "k"], false, true), (["ANTHROPIC_API_KEY": ""], false, false),
            (["ANTHROPIC_AUTH_TOKEN": "k"], false, true), (["ANTHROPIC_BASE_URL": "http://127.0.0.1:1"], true, true),
            (["ANTHROPIC_BASE_URL": "https://u:p@api.anthropic.com/"], true, false),
        ] as [([String: String], Bool, Bool)]
    )
    func `refuses a run with another model than the caller's`(
        _ environment: [String: String],
        _ hasCredential: Bool,
        _ isRefused: Bool
    ) async throws {
        let place = try Place()
        let path = place.path
        var router = CallRouter()
        router.on(GetDaemon.self) { _, _ in info(hasCredential: hasCredential) }
        let daemon = try await serving(router, path) { try await DaemonConnection.open(surroundings(path)) }
        let message: String?
        do {
            try daemon.checkModel(surroundings(path, environment))
            message = nil
        } catch {
            message = error.message
        }
        #expect((message != nil) == isRefused)
        if let message { #expect(message.contains("'martlet shutdown'")) }
    }

    @Test(
        arguments: [
            ("http://127.0.0.1:3000", "127.0.0.1", 3000), ("http://localhost:80/", "localhost", 80),
            ("HTTP://a.b", "a.b", 80),
        ] as [(String, String, UInt16)]
    )
    func `understands the URL of a daemon`(_ url: String, _ host: String, _ port: UInt16) throws {
        let parsed = try #require(DaemonAddress.parse(url))
        #expect(parsed.host == host)
        #expect(parsed.port == port)
    }

    @Test(arguments: [
        "", "127.0.0.1:3000", "http://", "http://a:b", "http://a:70000", "http://u@a", "http://a/b", "http://a:1:2",
    ])
    func `refuses what is no such URL`(_ url: String) {
        #expect(DaemonAddress.parse(url) == nil)
    }
}

@Suite struct `the start of a daemon` {
    @Test func `inherits the model's variables and no others`() {
        let environment = DaemonStart.environment(
            surroundings(
                "/h",
                [
                    "ANTHROPIC_API_KEY": "k", "MARTLET_GUEST": "g", "MARTLET_API_KEY": "x", "AWS_SECRET": "s",
                    "MARTLET_HOME": "o",
                ]
            )
        )
        #expect(environment["ANTHROPIC_API_KEY"] == "k")
        #expect(environment["MARTLET_GUEST"] == "g")
        #expect(environment["MARTLET_HOME"] == "/h")
        #expect(environment["MARTLET_API_KEY"] == nil)
        #expect(environment["AWS_SECRET"] == nil)
    }

    @Test func `tells what the log has since then`() throws {
        let place = try Place()
        try place.write("old\nnew one\nnew two\n", to: "daemon.log")
        let error = DaemonStart.failure("ended at once with status 1", Home(place.path), since: 4)
        #expect(error.message.contains("it said: new one | new two."))
        #expect(!error.message.contains("old"))
        #expect(error.message.contains("'\(place.path)/daemon.log'"))
    }
}

@Suite struct `an upload` {
    /// Answers with the number of bytes that came behind the request.
    private func counting<Result: Sendable>(
        _ body: @Sendable @escaping (CallClient) async throws -> Result
    ) async throws -> Result {
        let place = try Place()
        let path = place.path
        let listener = try Listener(.unix(Home(path).socket))
        let server = HTTPServer { exchange in
            var decoder = EnvelopeDecoder()
            decoder.add(try await exchange.body.collect(limit: 1 << 20))
            _ = try decoder.next()
            let event = RunEvent.started(String(decoder.rest().count))
            let answer = Envelope(payload: try JSONValue(encoding: event).encoded()).encoded
            let end = Envelope(payload: Array("{}".utf8), isEnd: true).encoded
            try await exchange.respond(200, ["Content-Type": "application/connect+json"], body: answer + end)
        }
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body(DaemonAddress.local(Home(path)).client()) }
            group.addTask {
                try await server.run(on: listener)
                return nil
            }
            defer { group.cancelAll() }
            guard let result = try await group.next() ?? nil else { throw Failed(what: "the server ended") }
            return result
        }
    }

    private static let options = RunOptions(prompt: Data([0x61]))

    @Test func `sends the request, and then the bytes as they come`() async throws {
        let pieces = Mutex([[UInt8]](repeating: [UInt8](repeating: 7, count: 65_536), count: 4))
        let count = try await counting { client in
            try await client.upload(StartRun.self, Self.options, following: { pieces.withLock { $0.popLast() ?? [] } })
            {
                try await $0.next()?.started?.id
            }
        }
        #expect(count == "\(4 * 65_536)")
    }

    @Test func `that is answered early ends with the answer`() async throws {
        let place = try Place()
        let path = place.path
        var router = CallRouter()
        router.onUpload(StartRun.self) { _, _, _, _ in throw CallError(.failedPrecondition, "no template") }
        try await serving(router, path) { () -> Void in
            await #expect(throws: CallError(.failedPrecondition, "no template")) {
                let client = DaemonAddress.local(Home(path)).client()
                // Bytes that never come: only the answer can end the call.
                let never = Latch<[UInt8]>()
                return try await client.upload(StartRun.self, Self.options, following: { try await never.value() }) {
                    try await $0.next()
                }
            }
        }
    }

    @Test func `that breaks off fails with its own reason`() async throws {
        await #expect(throws: Failed.self) {
            try await counting { client in
                try await client.upload(StartRun.self, Self.options, following: { throw Failed(what: "tar") }) {
                    try await $0.next()?.started?.id
                }
            }
        }
    }
}

@Suite struct `a finding` {
    @Test(arguments: [
        (KVMProbe.Outcome.usable(microseconds: 4000), Finding.State.ok), (.forbidden, .warning), (.absent, .warning),
        (.broken, .warning), (.tooSlow, .warning), (.notTried, .warning),
    ])
    func `says what to do unless all is well`(_ outcome: KVMProbe.Outcome, _ state: Finding.State) {
        let finding = Finding.kvm(outcome)
        #expect(finding.state == state)
        #expect((finding.fix == nil) == (state == .ok))
    }

    @Test func `fails the command only when something needed is missing`() {
        #expect(Finding.status([Finding("a", .ok, ""), Finding("b", .warning, "")]) == .success)
        #expect(Finding.status([Finding("a", .ok, ""), Finding.disk(1 << 20, "/h")]) == .failure)
        #expect(Finding.disk(100 << 30, "/h").state == .ok)
        #expect(Finding.memory(8 << 20).state == .ok)
        #expect(Finding.memory(100 << 10).state == .failure)
    }

    @Test func `is a line, with the fix below`() {
        let findings = [
            Finding("git", .ok, "2.39"), Finding("lz4", .failure, "not installed", fix: "apt-get install lz4"),
        ]
        #expect(
            Finding.text(findings, style: Style(isOn: false)) == """
                ok    git  2.39
                fail  lz4  not installed
                           fix: apt-get install lz4

                """
        )
    }
}

@Suite struct `a signal` {
    @Test func `goes to the command that asked for it, as long as it runs`() async {
        let interrupts = Interrupts()
        let seen = Mutex<[Int32]>([])
        #expect(!interrupts.take(SIGINT))
        await interrupts.handled { signal in
            seen.withLock { $0.append(signal) }
            return signal == SIGINT
        } _: {
            #expect(interrupts.take(SIGINT))
            #expect(!interrupts.take(SIGTERM))
        }
        #expect(!interrupts.take(SIGINT))
        #expect(seen.withLock { $0 } == [SIGINT, SIGTERM])
    }

    @Test func `stops a run once, and only one that has begun`() {
        let stop = RunStop()
        #expect(stop.take(SIGINT) == nil)
        stop.runID = "r1"
        #expect(stop.take(SIGTERM) == "r1")
        #expect(stop.take(SIGINT) == nil)
        #expect(stop.signal == SIGTERM)
    }
}
