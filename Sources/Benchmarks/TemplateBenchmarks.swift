import Linux
import Wire

/// Templates built by the command line, each from a Dockerfile of one step on a parent that is there.
struct TemplateBenchmarks: Sendable {
    let daemon: TestedDaemon
    let isQuick: Bool

    private static let name = "benchmark"

    func all() async throws -> [Measurement] {
        var step = Measurement("template.run", "one step, 'RUN true', new each time", .milliseconds, target: 1500)
        var cached = Measurement("template.cached", "the same when nothing has changed", .milliseconds, target: 2000)
        var copy = Measurement("template.copy", "'COPY' of 1,000 files, new each time", .milliseconds, target: 3000)
        let place = "\(Program.variable("TMPDIR") ?? "/tmp")/martlet-bench-\(Random.name(8))"
        try Files.makeDirectory("\(place)/files")
        defer { try? Files.remove(place) }
        for number in 0..<1000 { try Files.write("file \(number)".utf8, to: "\(place)/files/\(number)", mode: 0o644) }
        for round in 0..<(isQuick ? 2 : 5) {
            step.add(try await build("RUN true # \(round) \(Random.name(6))", in: place))
            cached.add(try await build(nil, in: place))
            try Files.write("\(round) \(Random.name(6))".utf8, to: "\(place)/files/0", mode: 0o644)
            copy.add(try await build("COPY files /srv/", in: place))
        }
        _ = try await daemon.martlet("template", "rm", Self.name)
        return [step, cached, copy]
    }

    /// - Parameter step: nil builds what was built last.
    private func build(_ step: String?, in place: String) async throws -> Duration {
        if let step { try Files.write("FROM claude\n\(step)\n".utf8, to: "\(place)/Dockerfile") }
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
}
