import Egress
import HTTP
import Linux

/// What leaves a sandbox, at the host's side of it: bytes by the core, connections by the thousand, decisions by the rule.
///
///     this program ─► egress, with a policy of 1,000 rules ─► bytes
struct EgressBenchmarks: Sendable {
    /// This program, which is also what is measured.
    let program: String
    let isQuick: Bool

    /// What a core is to carry in a second.
    private static let portion = 200_000_000
    private static let connections = 1000

    func all() async throws -> [Measurement] {
        let bytes = try await StageProcess.start(program, ["bytes"])
        defer { bytes.end() }
        let egress = try await StageProcess.start(program, ["egress", "\(bytes.port)"])
        defer { egress.end() }
        return try decisions() + (try await carrying(egress)) + (try await crowd(egress))
    }

    // MARK: Bytes

    private func carrying(_ egress: StageProcess) async throws -> [Measurement] {
        var all: [Measurement] = []
        for (id, name, isDownload) in [("in", "from outside", true), ("out", "to outside", false)] {
            var cost = Measurement(
                "egress.cpu.\(id)",
                "200 MB \(name), processor time of the egress",
                .seconds,
                target: 1
            )
            var rate = Measurement("egress.rate.\(id)", "  the same by the clock, one connection", .mebibytesPerSecond)
            for round in 0...(isQuick ? 2 : 8) {
                let before = ProcessorTime.seconds(of: egress.child.pid) ?? 0
                let start = ContinuousClock.now
                try await carry(egress, isDownload)
                let seconds = (ContinuousClock.now - start) / .seconds(1)
                if round == 0 { continue }
                cost.values.append((ProcessorTime.seconds(of: egress.child.pid) ?? 0) - before)
                rate.values.append(Double(Self.portion) / seconds / 1_048_576)
            }
            all += [cost, rate]
        }
        return all
    }

    private func carry(_ egress: StageProcess, _ isDownload: Bool) async throws {
        let channel = try await Channel.connect(to: .loopback(egress.port))
        defer { channel.close() }
        try await channel.write([isDownload ? ByteServer.giving : ByteServer.taking])
        var left = Self.portion
        if isDownload {
            while left > 0 {
                let bytes = try await channel.read()
                if bytes.isEmpty { throw BenchmarkError("The egress ended a connection") }
                left -= bytes.count
            }
        } else {
            let block = [UInt8](repeating: 0x62, count: 65_536)
            while left > 0 {
                try await channel.write(block)
                left -= block.count
            }
            try await channel.closeWriting()
            // Said when the last byte was taken.
            guard try await !channel.read().isEmpty else { throw BenchmarkError("The egress ended a connection") }
        }
    }

    // MARK: Connections

    private func crowd(_ egress: StageProcess) async throws -> [Measurement] {
        var opening = Measurement("egress.open", "1,000 connections, one after the other, each echoes", .milliseconds)
        var echo = Measurement("egress.echo", "  one more echo by each", .milliseconds)
        var memory = Measurement("egress.memory", "  the egress, private, above what it had before", .mebibytes)
        var growth = Measurement("egress.growth", "  that grown by 20 such thousands", .mebibytes, target: 1)
        let before = Proc.privateMemory(egress.child.pid) ?? 0
        // The first makes the allocator's places, and the second what it keeps.
        var settled = 0.0
        for round in 0...(isQuick ? 6 : 21) {
            var all: [Channel] = []
            defer { for channel in all { channel.close() } }
            let start = ContinuousClock.now
            for _ in 0..<Self.connections {
                let channel = try await Channel.connect(to: .loopback(egress.port))
                all.append(channel)
                try await channel.write([ByteServer.echoing, 0x63])
                _ = try await channel.read()
            }
            let opened = ContinuousClock.now
            for channel in all { try await channel.write([0x64]) }
            for channel in all { _ = try await channel.read() }
            let used = (Proc.privateMemory(egress.child.pid) ?? 0) - before
            if round < 2 {
                settled = used
                continue
            }
            opening.add(opened - start)
            echo.add(ContinuousClock.now - opened)
            memory.values.append(used)
            if round == (isQuick ? 6 : 21) { growth.values.append(used - settled) }
        }
        if isQuick { growth.note = "by 5 of them" }
        return [opening, echo, memory, growth]
    }

    // MARK: Decisions

    private func decisions() throws -> [Measurement] {
        let policy = CompiledPolicy(try Self.policy())
        let names = try (0..<1000).map { number in
            guard let name = DomainName("a.service\(number).example.com") else { throw BenchmarkError("No name") }
            return name
        }
        let host = HostAddresses().current
        var connection = Measurement(
            "egress.decision",
            "a decision by 1,000 rules, about a name and its address",
            .microseconds,
            target: 50
        )
        var question = Measurement("egress.question", "  about a question for a name", .microseconds, target: 50)
        for _ in 0..<(isQuick ? 20 : 200) {
            var allowed = 0
            let start = ContinuousClock.now
            for (number, name) in names.enumerated() {
                let address = IPAddress.v4(0x5DB8_0000 | UInt32(number))
                if policy.decide(name: name, address: address, port: 443, host: host).isAllowed { allowed += 1 }
            }
            let middle = ContinuousClock.now
            for name in names where policy.decide(lookingUp: name).isAllowed { allowed += 1 }
            let end = ContinuousClock.now
            guard allowed > 0 else { throw BenchmarkError("The policy allows nothing") }
            connection.values.append((middle - start) / .microseconds(1) / Double(names.count))
            question.values.append((end - middle) / .microseconds(1) / Double(names.count))
        }
        return [connection, question] + (try requests())
    }

    /// Decisions about requests: by rules of a thousand hosts, and by a thousand rules of one host.
    private func requests() throws -> [Measurement] {
        var hosts = EgressPolicy.open
        hosts.headerRules = try (0..<1000).map { number in
            try HeaderRule(id: "\(number)", host: "service\(number).example.com", path: "/v1/*", headers: Self.fields)
        }
        var paths = EgressPolicy.open
        paths.headerRules = try (0..<1000).map { number in
            let path = "/v1/\(number)/" + (number.isMultiple(of: 2) ? "*" : "things")
            return try HeaderRule(id: "\(number)", host: "one.example.com", path: path, headers: Self.fields)
        }
        return [
            try requests("egress.request", "  about a request, by 1,000 rules of as many hosts", hosts) { number in
                ("service\(number).example.com", "/v1/things")
            },
            try requests("egress.path", "  about a request, by 1,000 rules of its host", paths) { number in
                ("one.example.com", "/v1/\(number)/things")
            },
        ]
    }

    private static let fields = ["Authorization": "Bearer ${secret:key}"]

    private func requests(
        _ id: String,
        _ name: String,
        _ policy: EgressPolicy,
        _ ask: (Int) -> (host: String, path: String)
    ) throws -> Measurement {
        var measurement = Measurement(id, name, .microseconds, target: 50)
        let policy = CompiledPolicy(policy)
        let requests = try (0..<1000).map { number in
            let (host, path) = ask(number)
            guard let name = DomainName(host) else { throw BenchmarkError("No name") }
            let headers: Headers = ["User-Agent": "curl/7.88.1", "Accept": "*/*", "X-Request": "\(number)"]
            return (name, RuledRequest(method: "GET", path: path, headers: headers))
        }
        for _ in 0..<(isQuick ? 5 : 50) {
            let start = ContinuousClock.now
            for (name, request) in requests {
                let change = try policy.headerRules(for: name, 443)?.change(request, isSecure: true)
                guard change?.applied.count == 1 else { throw BenchmarkError("A rule does not apply") }
            }
            measurement.values.append((ContinuousClock.now - start) / .microseconds(1) / Double(requests.count))
        }
        return measurement
    }

    /// A thousand rules of every kind; what the benchmark connects to is the last of them.
    static func policy() throws -> EgressPolicy {
        var allow: [String] = []
        var deny: [String] = []
        for number in 0..<250 {
            allow.append("service\(number).example.com:443")
            allow.append("*.service\(number + 250).example.com")
            allow.append("20.\(number).0.0/\(16 + number % 16)")
            deny.append("40.\(number).7.0/24")
        }
        allow[allow.count - 1] = "\(Stage.place)/32"
        return try EgressPolicy(allow: allow, deny: deny)
    }
}

/// The far end of the egress: gives bytes, takes them, or says what it hears, as the first byte wants it.
enum ByteServer {
    static let giving: UInt8 = 0x67
    static let taking: UInt8 = 0x74
    static let echoing: UInt8 = 0x65

    static func run(on listener: Listener) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                let channel = try await listener.accept()
                group.addTask {
                    try? await serve(channel)
                    channel.close()
                }
            }
        }
    }

    private static func serve(_ channel: Channel) async throws {
        guard let wish = try await channel.read(upTo: 1).first else { return }
        switch wish {
        case giving:
            let block = [UInt8](repeating: 0x61, count: 65_536)
            while true { try await channel.write(block) }
        case taking:
            while try await !channel.read().isEmpty {}
            try await channel.write([taking])
        default:
            while true {
                let bytes = try await channel.read()
                if bytes.isEmpty { return }
                try await channel.write(bytes)
            }
        }
    }
}
