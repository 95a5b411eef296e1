import HTTP
import Linux
import Wire

/// Answers a request as a fault says.
struct FaultyAnswer {
    let fault: Fault
    let exchange: Exchange

    /// The end of a connection that was meant to break; the server closes it when a handler throws.
    private struct Broken: Error {}

    /// - Parameter reply: what is begun before a fault that comes after events.
    func play(_ reply: Reply?, _ delay: Step.Delay) async throws {
        switch fault.kind {
        case .status(let status, let retryAfter):
            var headers = ScriptedModelServer.json
            headers["Retry-After"] = retryAfter
            try await exchange.respond(status, headers, body: errorBody.encoded())
        case .drop(let after):
            _ = try await begin(reply, after, delay)
            throw Broken()
        case .hang(let after, let ping):
            let writer = try await begin(reply, after, delay)
            try await hang(writer, ping)
        case .error(let after):
            let writer = try await begin(reply, after, delay)
            try await writer.write(Array("event: error\ndata: ".utf8) + errorBody.encoded() + Array("\n\n".utf8))
            try await writer.finish()
        }
    }

    private var errorBody: JSONValue { ScriptedModelServer.errorBody(fault.type, fault.message) }

    /// Sends the first events; without any, not even the head leaves.
    private func begin(_ reply: Reply?, _ count: Int, _ delay: Step.Delay) async throws -> BodyWriter {
        let writer = try exchange.start(200, ScriptedModelServer.eventStream)
        for event in (reply?.events ?? []).prefix(count) {
            try await Pause(exchange).wait(delay.event)
            try await writer.write(event.encoded)
        }
        return writer
    }

    private func hang(_ writer: BodyWriter, _ ping: Duration?) async throws {
        guard let ping else {
            try await exchange.clientGone()
            throw Broken()
        }
        while true {
            try await Pause(exchange).wait(ping)
            try await writer.write(Reply.Event("ping").encoded)
        }
    }
}

/// Waits, but not longer than the client does.
struct Pause {
    private let exchange: Exchange

    private struct ClientGone: Error {}

    init(_ exchange: Exchange) {
        self.exchange = exchange
    }

    /// - Throws: when the client has closed the connection meanwhile; then there is nobody to answer.
    func wait(_ duration: Duration) async throws {
        guard duration > .zero else { return }
        try await withThrowingTaskGroup(of: Bool.self) { [exchange] group in
            group.addTask {
                try await exchange.clientGone()
                return false
            }
            group.addTask {
                try await Task.sleep(for: duration)
                return true
            }
            defer { group.cancelAll() }
            guard try await group.next() == true else { throw ClientGone() }
        }
    }
}
