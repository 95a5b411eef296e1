import FoundationEssentials
import Linux
import Wire

/// A run of one turn, from the command line to the report, with a small working directory and a result that has a schema.
struct RunBenchmarks: Sendable {
    let daemon: TestedDaemon
    let isQuick: Bool
    /// The working directory that goes in.
    let directory: String

    /// One turn: what the model says at once is the result.
    static let script = #"{"steps": [{"text": "There is nothing to do."}]}"#

    func oneTurn() async throws -> [Measurement] {
        var whole = Measurement("run.total", "'martlet run', one turn", .seconds, target: 12)
        var first = Measurement("run.first", "  until the model is asked", .milliseconds, target: 2200, goal: 1200)
        var agent = Measurement("run.agent", "  of it Claude Code", .seconds)
        var rest = Measurement("run.rest", "  of it everything else", .milliseconds, target: 1000)
        var parts: [(path: KeyPath<RunReport.Durations, Int>, Measurement)] = [
            (\.create, Measurement("run.create", "    create", .milliseconds)),
            (\.copyIn, Measurement("run.copyIn", "    copy in", .milliseconds)),
            (\.collect, Measurement("run.collect", "    collect diff and state", .milliseconds)),
            (\.teardown, Measurement("run.teardown", "    teardown", .milliseconds)),
        ]
        let clock = ContinuousClock()
        for _ in 0..<(isQuick ? 2 : 7) {
            try await daemon.awaitPool()
            let start = clock.now
            let output = try await daemon.martlet(
                "run",
                "--quiet",
                "--output",
                "json",
                "--dir",
                directory,
                "Say what there is to do."
            )
            let taken = clock.now - start
            guard let durations = try JSONValue(parsing: output)["durations"]?.decode(RunReport.Durations.self) else {
                throw BenchmarkError("A run printed no report: \(output.suffix(300))")
            }
            whole.add(taken)
            if let milliseconds = durations.firstRequest { first.add(.milliseconds(milliseconds)) }
            agent.add(.milliseconds(durations.agent + durations.repair))
            // What a client waits for besides the agent: its own process and the way to the daemon included.
            rest.add(taken - .milliseconds(durations.agent + durations.repair))
            for index in parts.indices { parts[index].1.add(.milliseconds(durations[keyPath: parts[index].path])) }
        }
        return [whole, first, agent, rest] + parts.map(\.1)
    }
}
