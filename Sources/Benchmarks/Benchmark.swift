import Glibc
import HTTP
import Linux
import Records
import ScriptedModel
import Wire

/// All measurements, in an order in which none disturbs the next.
struct Benchmark: Sendable {
    let isQuick: Bool
    /// Whether machines are measured without a daemon, and nothing else.
    let isEngineOnly: Bool
    /// The program under test.
    let martlet: String
    /// The working directory of the run that is measured.
    let directory: String
    /// Where the numbers go, as JSON.
    let output: String
    let home: Home

    init(arguments: [String]) throws {
        let places = arguments.filter { !$0.hasPrefix("--") }
        guard places.count == 3, let home = Program.variable("MARTLET_HOME"), home.hasPrefix("/") else {
            throw BenchmarkError("use scripts/bench, which says where everything is")
        }
        isQuick = arguments.contains("--quick")
        isEngineOnly = arguments.contains("--snapshots")
        (martlet, directory, output) = (places[0], places[1], places[2])
        self.home = Home(home)
    }

    func run() async throws {
        let script = try Script(parsing: Array(RunBenchmarks.script.utf8))
        let listener = try Listener(.loopback(0))
        let model = ScriptedModelServer(script: script)
        let report = try await withThrowingTaskGroup(of: Report?.self) { group in
            group.addTask {
                try await model.run(on: listener)
                return nil
            }
            group.addTask { try await measure(modelURL: "http://\(listener.address)") }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        guard let report else { return }
        Self.write(report.text, to: STDOUT_FILENO)
        try Files.write(report.json.encoded(pretty: true), to: output, mode: 0o644)
    }

    private func measure(modelURL: String) async throws -> Report {
        var report = try await TestedDaemon.with(
            program: martlet,
            home: home,
            modelURL: modelURL,
            log: "\(home.path)/bench.log"
        ) { daemon in
            var report = Report(host: HostFacts(try await daemon.describe()))
            if isEngineOnly { return report }
            let sandboxes = SandboxBenchmarks(daemon: daemon, isQuick: isQuick)
            let memory = MemoryBenchmarks(daemon: daemon, isQuick: isQuick)
            let runs = RunBenchmarks(daemon: daemon, isQuick: isQuick, directory: directory)
            Self.say("bench: sandboxes")
            report.add("A sandbox from a full pool", try await sandboxes.create() + sandboxes.commandLine())
            Self.say("bench: memory")
            report.add("What is held while nothing is done", try await memory.idle())
            Self.say("bench: runs")
            report.add("A run, one turn with the scripted model", try await runs.oneTurn())
            Self.say("bench: many at once")
            report.add("Many at once", try await sandboxes.burst())
            return report
        }
        Self.say("bench: pause, resume, fork")
        let snapshots = SnapshotBenchmarks(home: home, isQuick: isQuick)
        report.add("A machine that wrote 30 MiB, saved and gone on from", try await snapshots.all())
        if isEngineOnly {
            report.host.loadAfter = Proc.load
            return report
        }
        let others = AlternativeBenchmarks(home: home, isQuick: isQuick, modelURL: modelURL)
        Self.say("bench: other ways")
        report.add(
            "Other ways to the same",
            try await others.coldBoot() + others.resume() + others.bareAgent() + others.containers()
        )
        report.host.loadAfter = Proc.load
        return report
    }

    /// Progress, on standard error: the table alone goes to standard output.
    static func say(_ text: String) {
        write("\(text)\n", to: STDERR_FILENO)
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count <= 0 { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
