import Linux
import RPC
import Wire

/// What it costs to fork a sandbox that has written 30 MiB, through the daemon, and that no two forks roll the same.
struct ForkBenchmarks: Sendable {
    let daemon: TestedDaemon
    let isQuick: Bool

    static let wrote =
        "head -c 8000000 /dev/urandom > /dev/shm/noise; head -c 500000 /dev/urandom > /tmp/noise; sync"
    private static let dice = """
        import os, uuid
        print(os.getrandom(16).hex(), uuid.uuid4(), open("/dev/urandom", "rb").read(16).hex(), open("/etc/machine-id").read())
        """

    func all() async throws -> [Measurement] {
        var answer = Measurement(
            "fork.api",
            "fork, until the child has its identity",
            .milliseconds,
            target: 150,
            goal: 100
        )
        var pause = Measurement("fork.api.pause", "  its parent stands still", .milliseconds, target: 60, goal: 10)
        var hold = Measurement("fork.api.hold", "  its parent's processes do", .milliseconds)
        var eight = Measurement("fork.api.eight", "eight forks, until all have theirs", .milliseconds, target: 1000)
        let clock = ContinuousClock()
        try await daemon.withSandbox { parent in
            // What is measured is not to compete with the machine that takes the parent's place in the pool.
            try await daemon.awaitPool()
            // The first one translates in the engine what all others find there.
            for round in 0...(isQuick ? 5 : 15) {
                try await daemon.run(["/bin/sh", "-c", Self.wrote], in: parent)
                let start = clock.now
                let fork = try await self.fork(parent, 1)
                let done = clock.now
                try await end(fork)
                if round == 0 { continue }
                answer.add(done - start)
                pause.values.append(fork.pauseMilliseconds)
                hold.values.append(fork.holdMilliseconds)
            }
            for _ in 0..<(isQuick ? 2 : 4) {
                try await daemon.run(["/bin/sh", "-c", Self.wrote], in: parent)
                let start = clock.now
                let fork = try await self.fork(parent, 8)
                eight.add(clock.now - start)
                try await end(fork)
            }
        }
        return [answer, pause, hold, eight]
    }

    /// A hundred at once, and what they roll.
    func many() async throws -> [Measurement] {
        let count = isQuick ? 20 : 100
        var time = Measurement("fork.many", "\(count) forks, until all have their identity", .seconds)
        var memory = Measurement("fork.many.memory", "  the private memory of one, after it has rolled", .mebibytes)
        let clock = ContinuousClock()
        try await daemon.withSandbox { parent in
            let start = clock.now
            let fork = try await self.fork(parent, count)
            time.add(clock.now - start)
            var rolled: Set<String> = []
            for child in fork.sandboxes + [parent] {
                let words = try await daemon.run(["python3", "-c", Self.dice], in: child)
                rolled.formUnion(words.split(whereSeparator: \.isWhitespace).map(String.init))
                if let used = Proc.privateMemory(child.processID) { memory.values.append(used) }
            }
            let all = 4 * (fork.sandboxes.count + 1)
            time.note =
                "\(fork.sandboxes.count) made, \(rolled.count) of \(all) rolls and names are the only one of their kind"
            try await end(fork)
        }
        return [time, memory]
    }

    private func fork(_ parent: SandboxInfo, _ count: Int) async throws -> ForkSandbox.Response {
        let fork = try await daemon.client.call(ForkSandbox.self, .init(id: parent.id, count: count))
        if let failure = fork.failures.first { throw BenchmarkError("A fork could not be made: \(failure)") }
        return fork
    }

    private func end(_ fork: ForkSandbox.Response) async throws {
        for child in fork.sandboxes { try await daemon.kill(child) }
    }
}
