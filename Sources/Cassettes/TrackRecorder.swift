import Wire

/// Makes a track of an answer as its bytes pass by.
package struct TrackRecorder: Sendable {
    /// A larger answer is not kept.
    private static let limit = 32 * 1024 * 1024

    private let method: String
    private let path: String
    private let body: JSONValue
    private let started: ContinuousClock.Instant
    private var status = 0
    private var answeredAt = 0
    private var headers: [String: String] = [:]
    private var isEventStream = false
    private var bytes: [UInt8] = []
    private var count = 0
    private var events: [Track.Event] = []

    /// - Parameter body: the request's.
    package init(method: String, path: String, body: [UInt8], at started: ContinuousClock.Instant = .now) {
        self.method = method
        self.path = path
        self.body = Self.value(body)
        self.started = started
    }

    /// Without a body there is nothing; what is no JSON is kept as text.
    static func value(_ bytes: [UInt8]) -> JSONValue {
        if bytes.isEmpty { return .null }
        return (try? JSONValue(parsing: bytes)) ?? .string(String(decoding: bytes, as: UTF8.self))
    }

    package mutating func begin(status: Int, headers: [(name: String, value: String)]) {
        self.status = status
        answeredAt = elapsed()
        for (name, value) in headers where Track.keptHeaders.contains(name.lowercased()) {
            self.headers[name.lowercased()] = value
        }
        isEventStream = self.headers["content-type"]?.lowercased().hasPrefix("text/event-stream") ?? false
    }

    package mutating func add(_ more: [UInt8]) {
        count += more.count
        guard count <= Self.limit else { return bytes = [] }
        bytes += more
        guard isEventStream else { return }
        let at = elapsed()
        var rest = bytes[...]
        while let end = Self.endOfEvent(rest) {
            take(rest[..<end.lowerBound], at)
            rest = rest[end.upperBound...]
        }
        bytes = Array(rest)
    }

    private static func endOfEvent(_ bytes: ArraySlice<UInt8>) -> Range<Int>? {
        [[0x0A, 0x0A], [0x0D, 0x0A, 0x0D, 0x0A]].compactMap { bytes.firstRange(of: $0) }.min {
            $0.lowerBound < $1.lowerBound
        }
    }

    private mutating func take(_ block: ArraySlice<UInt8>, _ at: Int) {
        var name: String?
        var data: [String] = []
        for line in block.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            let text = String(decoding: line, as: UTF8.self)
            if text.hasPrefix("event:") {
                name = String(text.dropFirst(6).drop { $0 == " " })
            } else if text.hasPrefix("data:") {
                data.append(String(text.dropFirst(5).drop { $0 == " " }))
            }
        }
        if data.isEmpty { return }
        events.append(Track.Event(at: at, name: name, data: Self.value(Array(data.joined(separator: "\n").utf8))))
    }

    /// The track, without secrets; nil for an answer that was cut or is too large.
    package consuming func finish(_ redaction: Redaction) -> Track? {
        guard status > 0, count <= Self.limit else { return nil }
        let content: Track.Content
        if isEventStream {
            guard bytes.allSatisfy({ $0 == 0x0A || $0 == 0x0D }) else { return nil }
            content = .events(redaction(events))
        } else if let value = try? JSONValue(parsing: bytes) {
            content = .object(redaction(value))
        } else {
            content = .text(redaction(String(decoding: bytes, as: UTF8.self)))
        }
        let body = redaction(body)
        return Track(
            request: CanonicalRequest(method: method, path: path, body: body),
            body: body,
            status: status,
            answeredAt: answeredAt,
            headers: headers.mapValues { redaction($0) },
            content: content
        )
    }

    private func elapsed() -> Int {
        let time = started.duration(to: .now).components
        return Int(time.seconds) * 1000 + Int(time.attoseconds / 1_000_000_000_000_000)
    }
}

extension Redaction {
    /// A secret may come in pieces: what belongs together is looked at together, and what it then says stands in the first piece.
    func callAsFunction(_ events: [Track.Event]) -> [Track.Event] {
        var events = events
        var joined: [String: (text: String, places: [Int])] = [:]
        for (place, event) in events.enumerated() {
            guard let delta = event.data["delta"], let field = Self.field(delta), let text = delta[field]?.string else {
                continue
            }
            let key = "\(event.data["index"]?.text() ?? "") \(field)"
            joined[key, default: ("", [])].text += text
            joined[key, default: ("", [])].places.append(place)
        }
        for (text, places) in joined.values {
            let redacted = self(text)
            guard redacted != text else { continue }
            for (order, place) in places.enumerated() {
                guard var members = events[place].data.object, var delta = members["delta"]?.object,
                    let field = Self.field(.object(delta))
                else { continue }
                delta[field] = .string(order == 0 ? redacted : "")
                members["delta"] = .object(delta)
                events[place].data = .object(members)
            }
        }
        return events.map { Track.Event(at: $0.at, name: $0.name.map { self($0) }, data: self($0.data)) }
    }

    private static func field(_ delta: JSONValue) -> String? {
        ["text", "partial_json", "thinking"].first { delta[$0]?.string != nil }
    }
}
