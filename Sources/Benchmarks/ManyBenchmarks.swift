import FoundationEssentials
import HTTP
import Linux
import RPC
import Synchronization
import Wire

/// Many streams, and many sandboxes, as a fleet of agents has them.
struct ManyBenchmarks: Sendable {
    let daemon: TestedDaemon
    let isQuick: Bool

    /// Streams to one program, each with a connection of its own.
    func streams() async throws -> [Measurement] {
        let count = 200
        var opening = Measurement("streams.open", "\(count) streams opened at once, all begun", .milliseconds)
        var spreading = Measurement("streams.line", "  a line of the program, until all have it", .milliseconds)
        var memory = Measurement("streams.memory", "  the daemon's private memory meanwhile", .mebibytes)
        let request = StartProcess.Request(process: ProcessConfig(cmd: "cat"), stdin: true)
        let process = daemon.process
        let times = try await daemon.withSandbox { sandbox in
            let agent = try await daemon.network().agent(of: sandbox)
            return try await agent.stream(StartProcess.self, request) { events in
                guard let pid = try await events.next()?.event.start?.pid else {
                    throw BenchmarkError("A program's stream ended before it began")
                }
                return try await Self.listen(count, to: pid, agent, measuring: process)
            }
        }
        opening.add(times.opening)
        spreading.add(times.spreading)
        memory.values = [times.memory].compactMap { $0 }
        return [opening, spreading, memory]
    }

    private static func listen(
        _ count: Int,
        to pid: UInt32,
        _ agent: CallClient,
        measuring process: Int32
    ) async throws -> (opening: Duration, spreading: Duration, memory: Double?) {
        let selector = ProcessSelector(pid: pid)
        let begun = Countdown(count)
        let heard = Countdown(count)
        let clock = ContinuousClock()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            let start = clock.now
            for _ in 0..<count {
                group.addTask {
                    try await agent.stream(ConnectProcess.self, .init(process: selector)) { events in
                        while let event = try await events.next()?.event {
                            if event.start != nil { begun.count() }
                            if event.data != nil { heard.count() }
                        }
                    }
                }
            }
            try await withDeadline(.seconds(60)) { try await begun.done.value() }
            let opened = clock.now
            let line = ProcessInput(stdin: Data("a line\n".utf8))
            _ = try await agent.call(SendProcessInput.self, .init(process: selector, input: line))
            try await withDeadline(.seconds(60)) { try await heard.done.value() }
            let spread = clock.now
            let memory = Proc.privateMemory(process)
            group.cancelAll()
            while let _ = await group.nextResult() {}
            return (opened - start, spread - opened, memory)
        }
    }

    /// A long list, as a dashboard asks for it.
    func list() async throws -> [Measurement] {
        let count = isQuick ? 20 : 100
        var listing = Measurement("list.api", "\(count) sandboxes listed for E2B's clients", .milliseconds)
        var own = Measurement("list.call", "  the same by Martlet's own call", .milliseconds)
        let sandboxes = try await withThrowingTaskGroup(of: SandboxInfo.self) { group in
            var made: [SandboxInfo] = []
            for number in 0..<count {
                // A few at a time: the making is measured elsewhere.
                if number >= 4, let sandbox = try await group.next() { made.append(sandbox) }
                group.addTask { try await daemon.create() }
            }
            for try await sandbox in group { made.append(sandbox) }
            return made
        }
        let network = try await daemon.network()
        let clock = ContinuousClock()
        for round in 0...20 {
            let start = clock.now
            let listed = try JSONValue(parsing: try await network.get("/v2/sandboxes?limit=100")).array?.count ?? 0
            let middle = clock.now
            let called = try await daemon.client.call(ListSandboxes.self, Empty()).sandboxes.count
            if listed != count || called != count { listing.note = "\(listed) and \(called) were listed" }
            if round == 0 { continue }
            listing.add(middle - start)
            own.add(clock.now - middle)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for sandbox in sandboxes { group.addTask { try await daemon.kill(sandbox) } }
            try await group.waitForAll()
        }
        return [listing, own]
    }
}

/// Tells when something has happened a number of times.
private final class Countdown: Sendable {
    let done = Latch<Void>()
    private let left: Mutex<Int>

    init(_ count: Int) {
        left = Mutex(count)
    }

    func count() {
        let isLast = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isLast { done.set(()) }
    }
}
