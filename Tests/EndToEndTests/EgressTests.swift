import Glibc
import Linux
import RPC
import Testing
import Wire

/// Programs of a real guest that know nothing of proxies, and what they reach.
@Suite(.serialized, .enabled(if: Installation.isPossible, Installation.absence))
struct `a sandbox's way out` {
    /// Tries what its arguments name, as `kind,place` or `kind,place,host`, and says of each what came of it.
    private static let program = """
        import socket, subprocess, sys
        def tcp(host, port):
            with socket.create_connection((host, int(port)), timeout=60) as line:
                line.settimeout(60)
                return repr(line.recv(100))
        def udp(host, port):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
                line.settimeout(60)
                line.connect((host, int(port)))
                line.send(b"x")
                return repr(line.recv(100))
        def web(place, *header):
            line = ["curl", "-sS", "--max-time", "60", "http://" + place + "/"]
            done = subprocess.run(line + [part for name in header for part in ("-H", "Host: " + name)], capture_output=True, text=True)
            return (done.stdout + done.stderr).strip()
        for wish in sys.argv[1:]:
            kind, *words = wish.split(",")
            try:
                said = {"tcp": tcp, "udp": udp, "web": web}[kind](*words)
            except OSError as error:
                said = type(error).__name__
            print(wish, said, sep="|", flush=True)
        """

    private func attempt(_ martlet: Installation, _ sandbox: SandboxInfo, _ wishes: [String]) async throws
        -> [String: String]
    {
        let output = try await martlet.martlet(["exec", sandbox.id, "--", "python3", "-c", Self.program] + wishes)
        let lines = output.text.split(separator: "\n").map { $0.split(separator: "|", maxSplits: 1).map(String.init) }
        try #require(lines.count == wishes.count, "\(output.text) \(output.errorText)")
        return Dictionary(lines.map { ($0[0], $0.count > 1 ? $0[1] : "") }) { first, _ in first }
    }

    private func withSandbox(
        _ martlet: Installation,
        allow: [String]?,
        _ body: @Sendable @escaping (SandboxInfo) async throws -> Void
    ) async throws {
        try await Installation.slots.withPermit {
            let sandbox = try await martlet.client.call(CreateSandbox.self, .init(template: "claude", allow: allow))
            try await body(sandbox)
            try await martlet.martlet(["kill", sandbox.id])
        }
    }

    private func withInstallation(_ body: @Sendable @escaping (Installation) async throws -> Void) async throws {
        try await PlayedInternet.with { internet in
            try await Installation.with(variables: ["MARTLET_PLAYED_INTERNET": internet.file], body)
        }
    }

    @Test func `leads where it is allowed, and nowhere else`() async throws {
        try await withInstallation { martlet in
            try await withSandbox(martlet, allow: ["good.example", "inner.example"]) { sandbox in
                let daemon = try martlet.port(of: martlet.daemonID)
                // Where its own agent is heard, every other sandbox's is.
                let agent = try martlet.port(of: sandbox.processID)
                let closed = [
                    "web,93.184.216.99", "web,93.184.216.66", "web,10.9.8.7", "web,169.254.169.254", "web,10.0.2.3",
                    "web,93.184.216.66,good.example",
                ]
                let nameless = ["web,evil.example", "web,inner.example", "web,host.example"]
                let unheard = ["tcp,8.8.8.8,53"]
                let refused = [
                    "udp,8.8.8.8,53", "udp,93.184.216.34,443", "tcp,127.0.0.1,\(daemon)", "tcp,10.0.2.2,\(daemon)",
                    "tcp,10.0.2.2,\(agent)",
                ]
                let fronted = "web,good.example,evil.example"
                let open = ["web,good.example", "tcp,good.example,22", "web,93.184.216.34,good.example"]
                let said = try await attempt(martlet, sandbox, open + closed + nameless + unheard + refused + [fronted])
                for wish in open.filter({ $0.hasPrefix("web") }) { #expect(said[wish] == "reached good.example") }
                #expect(said["tcp,good.example,22"] == "b'220 welcome\\r\\n'")
                for wish in closed {
                    #expect(
                        said[wish]?.hasPrefix("This sandbox may not connect there: denied by") == true,
                        "\(wish): \(said)"
                    )
                }
                // It was admitted by its name's address, and cut at the other name.
                #expect(said[fronted]?.contains("Empty reply") == true, "\(said)")
                for wish in nameless {
                    #expect(said[wish]?.contains("Could not resolve host") == true, "\(wish): \(said)")
                }
                // It ends without a word: there is no protocol to say it in.
                for wish in unheard { #expect(said[wish] == "b''" || said[wish] == "ConnectionResetError", "\(said)") }
                for wish in refused {
                    #expect(
                        said[wish] == "ConnectionRefusedError" || said[wish] == "ConnectionResetError",
                        "\(wish): \(said)"
                    )
                }

                let log = try await martlet.client.call(ReadSandboxNetwork.self, .init(id: sandbox.id))
                #expect(
                    log.policy
                        == NetworkPolicy(allow: ["good.example", "inner.example"], deny: [], allowsOthers: false)
                )
                #expect(
                    log.events.contains {
                        $0.kind == .connection && $0.isAllowed && $0.reason == "rule 'allow good.example'"
                    }
                )
                #expect(log.events.contains { $0.name == "evil.example" && !$0.isAllowed && $0.reason == "default" })
                #expect(
                    log.events.allSatisfy {
                        !$0.isAllowed || $0.name == "good.example" || $0.address == "93.184.216.34"
                    }
                )
                #expect(log.events.map(\.sequence) == (1...UInt64(log.events.count)).map { $0 })
            }
        }
    }

    @Test func `is closed unless something is allowed, changes in use, and outlives daemons, pauses and forks`()
        async throws
    {
        try await withInstallation { martlet in
            try await withSandbox(martlet, allow: nil) { sandbox in
                let before = try await attempt(martlet, sandbox, ["web,good.example", "tcp,93.184.216.34,22"])
                #expect(before["web,good.example"]?.contains("Could not resolve host") == true, "\(before)")
                let opened = try await martlet.martlet(["sbx", "network", sandbox.id, "--allow", "good.example"])
                #expect(opened.text.contains("good.example"), "\(opened)")

                // One that is open when the policy changes ends then.
                let script =
                    "import socket; s = socket.create_connection(('good.example', 22)); print(s.recv(99), flush=True); print(s.recv(99))"
                _ = try await martlet.martlet(live: ["exec", sandbox.id, "--", "python3", "-u", "-c", script]) {
                    program in
                    try await retrying(every: .milliseconds(20), for: .seconds(60)) {
                        let log = try await martlet.client.call(ReadSandboxNetwork.self, .init(id: sandbox.id))
                        return log.events.contains { $0.kind == .connection && $0.isAllowed && $0.port == 22 }
                            ? () : nil
                    }
                    let closing = SetSandboxNetwork.Request(id: sandbox.id, allow: ["evil.example"], deny: [])
                    _ = try await martlet.client.call(SetSandboxNetwork.self, closing)
                    _ = try await withDeadline(.seconds(60)) { try await program.child.exit.value() }
                }
                let log = try await martlet.client.call(ReadSandboxNetwork.self, .init(id: sandbox.id))
                #expect(log.events.last { $0.port == 22 }?.kind == .cut)

                // While there is no daemon there is no network, and behind it no other policy.
                let trying =
                    "while :; do curl -s --max-time 2 http://93.184.216.34/; echo tried; done > /tmp/tries 2>&1 &"
                _ = try await martlet.exec(sandbox, "sh", "-c", trying)
                try await martlet.endDaemon(SIGKILL)
                try await martlet.start()
                try await checkEvilAlone(martlet, sandbox)
                let tries = try await martlet.exec(sandbox, "cat", "/tmp/tries").text
                #expect(tries.contains("tried") && !tries.contains("reached"), "\(tries)")

                _ = try await martlet.client.call(PauseSandbox.self, .init(id: sandbox.id))
                _ = try await martlet.client.call(ResumeSandbox.self, .init(id: sandbox.id))
                try await checkEvilAlone(martlet, sandbox)
                let forked = try await martlet.client.call(ForkSandbox.self, .init(id: sandbox.id))
                let child = try #require(forked.sandboxes.first, "\(forked.failures)")
                try await checkEvilAlone(martlet, child)
                try await martlet.martlet(["kill", child.id])
            }
        }
    }

    /// Holds a sandbox to the policy that its test gave it last.
    private func checkEvilAlone(_ martlet: Installation, _ sandbox: SandboxInfo) async throws {
        let found = try await martlet.client.call(ReadSandboxNetwork.self, .init(id: sandbox.id))
        #expect(found.policy.allow == ["evil.example"] && !found.policy.allowsOthers)
        let said = try await attempt(martlet, sandbox, ["web,good.example", "web,evil.example"])
        #expect(said["web,evil.example"] == "reached evil.example", "\(said)")
        #expect(said["web,good.example"]?.contains("Could not resolve host") == true, "\(said)")
    }
}
