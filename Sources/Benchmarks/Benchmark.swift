import Glibc
import HTTP
import Linux
import Records
import ScriptedModel
import Wire

/// All measurements, in an order in which none disturbs the next.
struct Benchmark: Sendable {
    /// What can be measured by itself; its option is its name.
    enum Part: String, CaseIterable, Sendable {
        case sandboxes, programs, files, terminals, idle, runs, forks, pauses, many, templates
        /// Machines without a daemon.
        case snapshots
        case router, gateway, others

        /// - Returns: nil for what is no option, or another.
        init?(option: String) throws {
            guard option.hasPrefix("--"), option != "--quick" else { return nil }
            guard let part = Self(rawValue: String(option.dropFirst(2))) else {
                let known = Self.allCases.map { "--\($0.rawValue)" }.joined(separator: ", ")
                throw BenchmarkError("there is no part '\(option)'; there are \(known)")
            }
            self = part
        }
    }

    let isQuick: Bool
    /// What is to be measured; nil means all.
    let only: Part?
    /// The program under test.
    let martlet: String
    /// The working directory of the run that is measured.
    let directory: String
    /// Where the numbers go, as JSON.
    let output: String
    let home: Home
    /// An interpreter with E2B's SDK, and what it is to run; nil where there is none.
    let python: String?
    let script: String

    init(arguments: [String]) throws {
        let places = arguments.filter { !$0.hasPrefix("--") }
        guard places.count == 3, let home = Program.variable("MARTLET_HOME"), home.hasPrefix("/") else {
            throw BenchmarkError("use scripts/bench, which says where everything is")
        }
        isQuick = arguments.contains("--quick")
        only = try arguments.compactMap(Part.init(option:)).first
        (martlet, directory, output) = (places[0], places[1], places[2])
        self.home = Home(home)
        python = Program.variable("MARTLET_BENCH_PYTHON").flatMap { $0.isEmpty ? nil : $0 }
        script = Program.variable("MARTLET_BENCH_SCRIPT") ?? "scripts/bench-sdk.py"
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
            for part in parts { await measure(part, daemon, &report) }
            return report
        }
        for part in parts { await measure(part, modelURL: modelURL, &report) }
        report.host.loadAfter = Proc.load
        return report
    }

    private var parts: [Part] { only.map { [$0] } ?? Part.allCases }

    private func measure(_ part: Part, _ daemon: TestedDaemon, _ report: inout Report) async {
        switch part {
        case .sandboxes:
            let sandboxes = SandboxBenchmarks(daemon: daemon, isQuick: isQuick)
            await report.measure("A sandbox from a full pool") {
                try await sandboxes.create() + sandboxes.commandLine()
            }
        case .programs:
            let programs = SDKBenchmarks(daemon: daemon, isQuick: isQuick, python: python, script: script)
            await report.measure("The same by E2B's Python SDK") { try await programs.all() }
            await report.measure("A command, by its parts") { try await programs.hostOverhead() }
        case .files:
            let files = FileBenchmarks(daemon: daemon, isQuick: isQuick)
            let servers = GuestServerBenchmarks(daemon: daemon, isQuick: isQuick)
            await report.measure("Files over the network") { try await files.transfers() }
            await report.measure("A web server in a sandbox") { try await servers.all() }
        case .terminals:
            let terminals = TerminalBenchmarks(daemon: daemon, isQuick: isQuick)
            let permissions = PermissionBenchmarks(daemon: daemon, isQuick: isQuick)
            await report.measure("A terminal in a sandbox") { try await terminals.all() }
            await report.measure("An agent's permission") { try await permissions.all() }
        case .idle:
            let memory = MemoryBenchmarks(daemon: daemon, isQuick: isQuick)
            await report.measure("What is held while nothing is done") { try await memory.idle() }
        case .runs:
            let runs = RunBenchmarks(daemon: daemon, isQuick: isQuick, directory: directory)
            await report.measure("A run, one turn with the scripted model") { try await runs.oneTurn() }
        case .forks:
            let forks = ForkBenchmarks(daemon: daemon, isQuick: isQuick)
            await report.measure("A sandbox that wrote 30 MiB, forked") { try await forks.all() + forks.many() }
        case .pauses:
            let pauses = PauseBenchmarks(daemon: daemon, isQuick: isQuick)
            await report.measure("A sandbox that wrote 30 MiB, paused") { try await pauses.all() + pauses.many() }
        case .many:
            let many = ManyBenchmarks(daemon: daemon, isQuick: isQuick)
            let sandboxes = SandboxBenchmarks(daemon: daemon, isQuick: isQuick)
            await report.measure("Many streams at once") { try await many.streams() }
            await report.measure("Many sandboxes at once") { try await sandboxes.burst() }
            await report.measure("A long list") { try await many.list() }
        case .templates:
            let templates = TemplateBenchmarks(daemon: daemon, isQuick: isQuick)
            await report.measure("A template of one step") { try await templates.all() }
            if !isQuick {
                await report.measure("The template 'claude' from nothing") { try await templates.fromNothing() }
            }
        case .snapshots, .router, .gateway, .others: break
        }
    }

    /// What is measured when the daemon is no more.
    private func measure(_ part: Part, modelURL: String, _ report: inout Report) async {
        let program = "/proc/self/exe"
        switch part {
        case .snapshots:
            let snapshots = SnapshotBenchmarks(home: home, isQuick: isQuick)
            await report.measure("A machine that wrote 30 MiB, saved and gone on from") { try await snapshots.all() }
        case .router:
            let router = RouterBenchmarks(home: home.path, program: program, isQuick: isQuick)
            await report.measure("A server of 1 KiB answers, 32 connections") { try await router.all() }
        case .gateway:
            let gateway = GatewayBenchmarks(program: program, isQuick: isQuick)
            await report.measure("A model request through the gateway") { try await gateway.all() }
            let egress = EgressBenchmarks(program: program, isQuick: isQuick)
            await report.measure("What leaves a sandbox, at the host's side") { try await egress.all() }
        case .others:
            let others = AlternativeBenchmarks(home: home, isQuick: isQuick, modelURL: modelURL)
            await report.measure("Other ways to the same") {
                try await others.coldBoot() + others.resume() + others.bareAgent() + others.containers()
            }
        case .sandboxes, .programs, .files, .terminals, .idle, .runs, .forks, .pauses, .many, .templates: break
        }
    }

    /// Progress, on standard error: the table alone goes to standard output.
    static func say(_ text: String) {
        write("\(text)\n", to: STDERR_FILENO)
    }

    static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count <= 0 { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
