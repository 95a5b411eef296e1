import Glibc
import Linux
import RPC
import Records
import Wire

/// Templates built by the command line, each from a Dockerfile of one step on a parent that is there.
struct TemplateBenchmarks: Sendable {
    let daemon: TestedDaemon
    let isQuick: Bool

    private static let name = "benchmark"

    func all() async throws -> [Measurement] {
        let place = "\(Program.variable("TMPDIR") ?? "/tmp")/martlet-bench-\(Random.name(8))"
        try Files.makeDirectory("\(place)/files")
        defer { try? Files.remove(place) }
        for number in 0..<1000 { try Files.write("file \(number)".utf8, to: "\(place)/files/\(number)", mode: 0o644) }
        var all: [Measurement] = []
        // Most of it is the parent's memory, of which every template has a copy: 'claude' has the larger one.
        for parent in ["base", "claude"] where isThere(parent) { all += try await steps(on: parent, in: place) }
        _ = try await daemon.martlet("template", "rm", Self.name)
        return all + [try await logs()]
    }

    private func isThere(_ template: String) -> Bool { Files.exists("\(daemon.home.templates)/names/\(template)") }

    private func steps(on parent: String, in place: String) async throws -> [Measurement] {
        let suffix = parent == "base" ? "" : ".\(parent)"
        var step = Measurement(
            "template.run\(suffix)",
            "'RUN true' on '\(parent)', new each time",
            .milliseconds,
            target: 1500
        )
        var cached = Measurement(
            "template.cached\(suffix)",
            "the same when nothing has changed",
            .milliseconds,
            target: 2000
        )
        var copy = Measurement(
            "template.copy\(suffix)",
            "'COPY' of 1,000 files, new each time",
            .milliseconds,
            target: 3000
        )
        // The first step on a parent also sets its beginning, which every later build finds done.
        _ = try await build("RUN true # \(Random.name(6))", on: parent, in: place)
        for round in 0..<(isQuick ? 3 : 7) {
            step.add(try await build("RUN true # \(round) \(Random.name(6))", on: parent, in: place))
            cached.add(try await build(nil, on: parent, in: place))
            try Files.write("\(round) \(Random.name(6))".utf8, to: "\(place)/files/0", mode: 0o644)
            copy.add(try await build("COPY files /srv/", on: parent, in: place))
        }
        return [step, cached, copy]
    }

    /// - Parameter step: nil builds what was built last.
    private func build(_ step: String?, on parent: String, in place: String) async throws -> Duration {
        if let step { try Files.write("FROM \(parent)\n\(step)\n".utf8, to: "\(place)/Dockerfile") }
        let start = ContinuousClock.now
        _ = try await daemon.martlet(
            "template",
            "build",
            Self.name,
            "--quiet",
            "--dockerfile",
            "\(place)/Dockerfile",
            "--context",
            place
        )
        return .now - start
    }

    /// From a step's `echo` to the client: each line says when it was written, by the guest's clock, which is set by the host's.
    private func logs() async throws -> Measurement {
        var delay = Measurement("template.log", "a line of a build's log, at its client", .milliseconds, target: 300)
        let count = isQuick ? 10 : 40
        let command = "for i in $(seq \(count)); do echo written $(date +%s%N); sleep 0.1; done # \(Random.name(6))"
        var request = BuildTemplate.Request(name: Self.name)
        request.spec = TemplateSpec(
            fromTemplate: isThere("base") ? "base" : "claude",
            steps: [TemplateStep("RUN", [command])]
        )
        let times: [(written: Int64, seen: Int64)] = try await daemon.client.stream(BuildTemplate.self, request) {
            events in
            var times: [(written: Int64, seen: Int64)] = []
            while let event = try await events.next() {
                guard let words = event.log?.message.split(separator: " "), words.first == "written",
                    let written = words.last.flatMap({ Int64($0) })
                else { continue }
                times.append((written, Self.now()))
            }
            return times
        }
        for time in times { delay.values.append(Double(time.seen - time.written) / 1e6) }
        _ = try await daemon.martlet("template", "rm", Self.name)
        return delay
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// In a home of its own, with Debian's packages and Claude Code's wheel from the network, and again with the wheel there.
    func fromNothing() async throws -> [Measurement] {
        var whole = Measurement("template.claude", "'claude', all of it fetched", .seconds, target: 120, goal: 60)
        var cached = Measurement("template.claude.wheel", "the same with the wheel in the cache", .seconds)
        let home = "\(daemon.home.path)/bench-\(Random.name(8))"
        try Files.makeDirectory(home)
        defer { try? Files.remove(home) }
        whole.add(try await recipe(in: home, anew: false))
        cached.add(try await recipe(in: home, anew: true))
        return [whole, cached]
    }

    private func recipe(in home: String, anew: Bool) async throws -> Duration {
        var program = try Program(
            daemon.program,
            ["template", "build", "claude", "--quiet"] + (anew ? ["--no-cache"] : [])
        )
        program.environment = daemon.environment
        program.environment["MARTLET_HOME"] = home
        let start = ContinuousClock.now
        let output = try await program.run()
        let duration = ContinuousClock.now - start
        program.arguments = ["shutdown"]
        _ = try await program.run()
        guard output.status.isSuccess else { throw BenchmarkError("'claude' was not built: \(output.errorText)") }
        return duration
    }
}
