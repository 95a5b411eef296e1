import Linux
import RPC
import Wire

/// A web server inside a sandbox, reached through the daemon.
struct GuestServerBenchmarks: Sendable {
    let daemon: TestedDaemon
    let isQuick: Bool

    /// Keeps connections open and answers a kilobyte, with next to nothing of its own to do.
    private static let server = """
        import asyncio
        ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: 1024\\r\\nContent-Type: text/plain\\r\\n\\r\\n" + b"a" * 1024
        async def serve(reader, writer):
            try:
                while True:
                    await reader.readuntil(b"\\r\\n\\r\\n")
                    writer.write(ANSWER)
                    await writer.drain()
            except Exception:
                writer.close()
        async def main():
            async with await asyncio.start_server(serve, "127.0.0.1", 8080) as server:
                print("serving", flush=True)
                await server.serve_forever()
        asyncio.run(main())
        """

    func all() async throws -> [Measurement] {
        try await daemon.withSandbox { try await all(in: $0) }
    }

    private func all(in sandbox: SandboxInfo) async throws -> [Measurement] {
        var rate = Measurement("guest.rate", "a web server in a sandbox, 16 connections", .requestsPerSecond)
        var last = Measurement("guest.p99", "  the slowest hundredth waits", .milliseconds)
        guard Program.find("wrk") != nil else {
            rate.note = "wrk is not installed; 'scripts/setup bench' installs it"
            return [rate]
        }
        let network = try await daemon.network()
        let agent = network.agent(of: sandbox)
        let headers = ["\(SandboxHeaders.id): \(sandbox.id)", "\(SandboxHeaders.port): 8080"]
        let rounds = isQuick ? 1 : 3
        let loads: [Load]?
        do {
            loads = try await agent.stream(StartProcess.self, .program(["python3", "-c", Self.server])) { events in
                while let event = try await events.next()?.event {
                    if event.data != nil {
                        var loads: [Load] = []
                        for _ in 0..<rounds {
                            loads.append(
                                try await Load.run(port: network.port, connections: 16, seconds: 4, headers: headers)
                            )
                        }
                        return loads
                    }
                    if event.end != nil { return nil }
                }
                return nil
            }
        } catch is CallError {
            loads = nil
        }
        if let loads {
            rate.values = loads.map(\.rate)
            last.values = loads.map { $0.p99 / 1000 }
            let errors = loads.map(\.errors).reduce(0, +)
            if errors > 0 { rate.note = "\(errors) requests failed" }
        } else {
            rate.note = "the template has no python3 that serves"
        }
        return [rate, last]
    }
}
