import Wire

/// One request and its answer, as a cassette keeps them.
package struct Track: Sendable, Hashable {
    package enum Content: Sendable, Hashable {
        /// An answer in one piece.
        case object(JSONValue)
        case text(String)
        case events([Event])
    }

    /// A server-sent event.
    package struct Event: Sendable, Hashable {
        /// Milliseconds after the request.
        package var at: Int
        package var name: String?
        package var data: JSONValue
    }

    package var request: CanonicalRequest
    /// The request's body whole, for people to read; secrets are taken out.
    package var body: JSONValue
    package var status: Int
    /// Milliseconds after the request.
    package var answeredAt: Int
    package var headers: [String: String]
    package var content: Content

    /// Fields of an answer that mean something to whoever gets it again.
    package static let keptHeaders: Set<String> = ["content-type", "retry-after", "x-should-retry"]
}

extension Track {
    var document: JSONValue {
        var answer: [String: JSONValue] = [
            "status": .integer(Int64(status)), "at": .integer(Int64(answeredAt)),
            "headers": .object(headers.mapValues { .string($0) }),
        ]
        switch content {
        case .object(let value): answer["body"] = value
        case .text(let text): answer["text"] = .string(text)
        case .events(let events):
            answer["events"] = .array(
                events.map { event in
                    var members: [String: JSONValue] = ["at": .integer(Int64(event.at)), "data": event.data]
                    if let name = event.name { members["event"] = .string(name) }
                    return .object(members)
                }
            )
        }
        return [
            "request": ["method": .string(request.method), "path": .string(request.path), "body": body],
            "answer": .object(answer),
        ]
    }

    /// Reads a track; nil when it is none.
    init?(_ document: JSONValue) {
        guard let request = document["request"], let answer = document["answer"],
            let method = request["method"]?.string,
            let path = request["path"]?.string, let body = request["body"],
            let status = answer["status"]?.integer, (100...599).contains(status)
        else { return nil }
        self.request = CanonicalRequest(method: method, path: path, body: body)
        self.body = body
        self.status = Int(status)
        answeredAt = Self.milliseconds(answer["at"])
        headers = (answer["headers"]?.object ?? [:]).compactMapValues(\.string)
        if let events = answer["events"]?.array {
            var read: [Event] = []
            for event in events {
                guard let data = event["data"] else { return nil }
                read.append(Event(at: Self.milliseconds(event["at"]), name: event["event"]?.string, data: data))
            }
            content = .events(read)
        } else if let body = answer["body"] {
            content = .object(body)
        } else {
            content = .text(answer["text"]?.string ?? "")
        }
    }

    private static func milliseconds(_ value: JSONValue?) -> Int {
        Int(min(max(0, value?.integer ?? 0), 3_600_000))
    }
}
