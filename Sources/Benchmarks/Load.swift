import Linux
import Wire

/// What wrk saw.
struct Load: Sendable {
    var rate = 0.0
    /// In microseconds.
    var p99 = 0.0
    var requests = 0
    var errors = 0

    /// Asks one port for the same over and over, by so many connections.
    static func run(port: UInt16, connections: Int, seconds: Int, headers: [String] = []) async throws -> Load {
        let sandbox = ["\(SandboxHeaders.id): \(Stage.sandbox)", "\(SandboxHeaders.port): 8080"]
        let wrk = try Program(
            "wrk",
            ["-t1", "-c\(connections)", "-d\(seconds)s", "--latency", "--timeout", "20s"]
                + (headers.isEmpty ? sandbox : headers).flatMap { ["-H", $0] } + ["http://127.0.0.1:\(port)/"]
        )
        let output = try await withDeadline(.seconds(60 + Int64(seconds))) { try await wrk.run() }
        guard output.status.isSuccess else { throw BenchmarkError("wrk failed: \(output.errorText)") }
        return Load(parsing: output.text)
    }

    init(parsing text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if words.first == "Requests/sec:", words.count > 1 { rate = Double(words[1]) ?? 0 }
            if words.first == "99%", words.count > 1 { p99 = Self.microseconds(words[1]) }
            if words.count > 2, words[1] == "requests", words[2] == "in" { requests = Int(words[0]) ?? 0 }
            if line.contains("Socket errors:") || line.contains("Non-2xx") {
                errors += words.compactMap { Int($0.filter(\.isNumber)) }.reduce(0, +)
            }
        }
    }

    /// `12.30us`, `4.56ms`, `1.20s`.
    private static func microseconds(_ text: String) -> Double {
        for (unit, factor) in [("us", 1.0), ("ms", 1000), ("s", 1_000_000)] where text.hasSuffix(unit) {
            return (Double(text.dropLast(unit.count)) ?? 0) * factor
        }
        return 0
    }
}
