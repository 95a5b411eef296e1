import Glibc
import HTTP
import Linux
import RPC
import Testing
import Wire

@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `a terminal that somebody is at` {
    @Test func `goes on where it was when the daemon was killed and started again`() async throws {
        try await Installation.with(arguments: ["--pool", "0"]) { martlet in
            try await martlet.withSandbox { sandbox in
                let status = try await martlet.atTerminal(["sandbox", "connect", sandbox.id]) { terminal in
                    try await terminal.shows("$ ")
                    try await terminal.types("fruit=pear; echo rea''dy\r")
                    try await terminal.shows("ready")
                    try await martlet.endDaemon(SIGKILL)
                    try await martlet.start(["--pool", "0"])
                    try await terminal.types("echo \"still $fruit\"; exit 3\r")
                    try await terminal.shows("still pear")
                }
                #expect(status == .exited(3))
            }
        }
    }

    @Test func `is put back when its sandbox is paused, and is as it was when that goes on`() async throws {
        try await Installation.with(arguments: ["--pool", "0"]) { martlet in
            try await martlet.withSandbox { sandbox in
                let left = try await martlet.atTerminal(["sandbox", "connect", sandbox.id]) { terminal in
                    try await terminal.shows("$ ")
                    try await terminal.types("fruit=pear; echo rea''dy\r")
                    try await terminal.shows("ready")
                    try await martlet.martlet(["sandbox", "pause", sandbox.id])
                    try await terminal.shows("paused")
                    _ = try await terminal.child.exit.value()
                    #expect(terminal.isCooked)
                }
                #expect(left != .exited(0))
                try await martlet.martlet(["sandbox", "resume", sandbox.id])
                var client = martlet.client
                client.headers[SandboxHeaders.id] = sandbox.id
                client.headers[SandboxHeaders.port] = String(GuestProtocol.agentPort)
                let session = try #require(try await client.terminals().first { $0.state == .running }).sessionId
                let line = ["sandbox", "connect", "--process", "\(session)", sandbox.id]
                let status = try await martlet.atTerminal(line) { terminal in
                    try await terminal.shows("ready")
                    try await terminal.types("echo \"still $fruit\"; exit\r")
                    try await terminal.shows("still pear")
                }
                #expect(status == .exited(0))
            }
        }
    }
}

extension Martlet {
    @Suite struct `a program whose reader stalls` {
        /// Longer than anything between the two waits for a peer that is silent.
        private static let stall = Duration.seconds(61)

        @Test func `waits for a minute, and nothing of what it wrote is lost`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                let count = 12_000_000
                let script = "seq 1 100000000 | head -c \(count); exit 5"
                let pipe = try Descriptor.pipe()
                var spawn = Spawn(
                    path: Installation.binary,
                    arguments: [Installation.binary, "exec", "-i", sandbox.id, "--", "bash", "-c", script],
                    environment: martlet.environment,
                    input: try Descriptor.null(),
                    output: pipe.writing,
                    error: try Descriptor.null()
                )
                spawn.directory = "\(martlet.root)/work"
                let child = try ChildProcess.start(spawn)
                pipe.writing.close()
                let output = try Channel(pipe.reading)
                let result = await Task {
                    try await withDeadline(Installation.deadline) {
                        var bytes = try await output.read(upTo: 1)
                        // The minute itself is what is tested: nothing could be waited for in its place.
                        try await EventLoop.shared.sleep(for: Self.stall)
                        #expect(child.exit.current == nil)
                        while case let more = try await output.read(upTo: 65_536), !more.isEmpty { bytes += more }
                        return (bytes, try await child.exit.value())
                    }
                }.result
                child.send(SIGKILL)
                let (bytes, status) = try result.get()
                #expect(status == .exited(5))
                var expected: [UInt8] = []
                var number = 0
                while expected.count < count {
                    number += 1
                    expected += "\(number)\n".utf8
                }
                #expect(bytes.count == count && bytes.elementsEqual(expected.prefix(count)))
            }
        }
    }
}
