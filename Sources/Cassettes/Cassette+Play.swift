import HTTP
import Linux
import Wire

extension Cassette {
    /// How fast a recording is played.
    package enum Pace: Sendable, Hashable {
        /// As fast as it is read.
        case instant
        /// As it was.
        case recorded
    }
}

extension Track {
    /// Answers a request with this track.
    package func play(to exchange: Exchange, _ pace: Cassette.Pace = .instant) async throws {
        let started = ContinuousClock.now
        var fields = Headers()
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) { fields.add(name, value) }
        try await wait(answeredAt, since: started, pace)
        switch content {
        case .object(let value):
            try await exchange.respond(status, fields, body: value.encoded())
        case .text(let text):
            try await exchange.respond(status, fields, body: Array(text.utf8))
        case .events(let events):
            let writer = try exchange.start(status, fields)
            try await writer.flush()
            for event in events {
                try await wait(event.at, since: started, pace)
                var text = event.name.map { "event: \($0)\n" } ?? ""
                text += "data: \(event.data.string ?? event.data.text())\n\n"
                try await writer.write(Array(text.utf8))
            }
            try await writer.finish()
        }
    }

    private func wait(_ at: Int, since started: ContinuousClock.Instant, _ pace: Cassette.Pace) async throws {
        guard pace == .recorded else { return }
        let left = .milliseconds(at) - started.duration(to: .now)
        if left > .zero { try await EventLoop.shared.sleep(for: left) }
    }
}
