import HTTP
import Linux

/// What the gateway adds to a model request: the same request to the same server, directly and through it, by turns.
struct GatewayBenchmarks: Sendable {
    /// This program, which is also what is measured.
    let program: String
    let isQuick: Bool

    private static let connections = 1000

    func all() async throws -> [Measurement] {
        let model = try await StageProcess.start(program, ["model"])
        defer { model.end() }
        let gateway = try await StageProcess.start(program, ["gateway", "\(model.port)"])
        defer { gateway.end() }
        return try await added(model, gateway) + crowd(gateway)
    }

    /// As large as those of Claude Code, with a budget to keep.
    private static let body = Array(
        """
        {"model":"claude-opus-5-5","max_tokens":1000,"system":[{"type":"text","text":"\
        \(String(repeating: "Use this tool for reading files. ", count: 1400))"}],"messages":[{"role":"user","content":"Go"}]}
        """.utf8
    )

    private func added(_ model: StageProcess, _ gateway: StageProcess) async throws -> [Measurement] {
        var whole = Measurement("gateway.request", "a request of 46 KB, added by the gateway", .milliseconds, target: 1)
        var first = Measurement("gateway.firstByte", "the first byte of its answer, added", .milliseconds, target: 1)
        let (direct, through) = (Self.client(model.port), Self.client(gateway.port))
        let rounds = isQuick ? 3 : 12
        for round in 0...rounds {
            var times: [[Double]] = [[], [], [], []]
            for _ in 0..<50 {
                for (index, client) in [direct, through].enumerated() {
                    let (begun, ended) = try await Self.ask(client)
                    times[index].append(begun)
                    times[index + 2].append(ended)
                }
            }
            // The first one opens connections, and is left out.
            if round == 0 { continue }
            let medians = times.map { $0.sorted()[$0.count / 2] }
            first.values.append(medians[1] - medians[0])
            whole.values.append(medians[3] - medians[2])
        }
        return [whole, first]
    }

    /// Milliseconds to the first byte of the answer's body, and to its end.
    private static func ask(_ client: HTTPClient) async throws -> (first: Double, end: Double) {
        let start = ContinuousClock.now
        let head = RequestHead(
            method: "POST",
            target: "/v1/messages",
            headers: ["Host": "model", "Content-Type": "application/json"]
        )
        return try await client.withResponse(to: head, body: .bytes(body)) { response in
            guard response.head.status == 200 else {
                throw BenchmarkError("The gateway answered \(response.head.status)")
            }
            var bytes = try await response.body.read()
            let first = (ContinuousClock.now - start) / .milliseconds(1)
            while !bytes.isEmpty { bytes = try await response.body.read() }
            return (first, (ContinuousClock.now - start) / .milliseconds(1))
        }
    }

    private static func client(_ port: UInt16) -> HTTPClient {
        HTTPClient { try await Channel.connect(to: .loopback(port)) }
    }

    private func crowd(_ gateway: StageProcess) async throws -> [Measurement] {
        var memory = Measurement("gateway.memory", "the gateway, private, with 1,000 idle connections", .mebibytes)
        var wait = Measurement("gateway.crowd", "a request among them", .milliseconds)
        var growth = Measurement("gateway.growth", "its memory grown by 1,000 more requests", .mebibytes, target: 1)
        var all: [Channel] = []
        defer { for channel in all { channel.close() } }
        for _ in 0..<Self.connections {
            let channel = try await Channel.connect(to: .loopback(gateway.port))
            all.append(channel)
            // Answered once, so that the connection is one that was used.
            try await channel.write(Array("HEAD /api/hello HTTP/1.1\r\nHost: model\r\n\r\n".utf8))
            _ = try await channel.read(upTo: 4096)
        }
        let client = Self.client(gateway.port)
        for _ in 0..<(isQuick ? 20 : 200) { wait.values.append(try await Self.ask(client).end) }
        let used = Proc.privateMemory(gateway.child.pid) ?? 0
        memory.values.append(used)
        let more = isQuick ? 200 : 1000
        for _ in 0..<more { _ = try await Self.ask(client) }
        growth.values.append((Proc.privateMemory(gateway.child.pid) ?? 0) - used)
        if isQuick { growth.note = "by \(more)" }
        return [memory, wait, growth]
    }
}
