import HTTP
import Linux
import Synchronization
import Wire

@testable import ScriptedModel

/// A scripted model on a port of its own, and a client for it.
struct Model: Sendable {
    let address: SocketAddress
    let client: HTTPClient
    private let played: PlayedList

    /// What the server did so far, as its log tells it.
    var acts: [Played.Act] { played.all.map(\.act) }
    var requests: [Played] { played.all }

    /// Waits until the server has met a client with a fault.
    func firstFault() async throws {
        try await withDeadline(.seconds(60)) { [played] in try await played.faulted.value() }
    }

    var url: String { "http://\(address)" }

    static func with(
        _ script: String,
        _ body: @escaping @Sendable (Model) async throws -> Void
    ) async throws {
        let script = try Script(parsing: script.utf8)
        let listener = try Listener(.loopback(0))
        let address = listener.address
        let played = PlayedList()
        let server = ScriptedModelServer(script: script) { played.add($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run(on: listener) }
            defer {
                group.cancelAll()
                listener.close()
            }
            let client = HTTPClient { try await Channel.connect(to: address) }
            try await body(Model(address: address, client: client, played: played))
        }
    }

    func send(_ method: String, _ path: String, _ body: String = "", headers: Headers = [:]) async throws
        -> (head: ResponseHead, body: [UInt8])
    {
        var head = RequestHead(method: method, target: path, headers: ["Host": "\(address)"])
        for field in headers.fields { head.headers.add(field.name, field.value) }
        return try await client.send(head, body: body.isEmpty ? .none : .bytes(Array(body.utf8)))
    }
}

private final class PlayedList: Sendable {
    private let list = Mutex<[Played]>([])
    var all: [Played] { list.withLock { $0 } }
    let faulted = Latch<Void>()

    func add(_ played: Played) {
        list.withLock { $0.append(played) }
        if case .fault = played.act { faulted.set(()) }
    }
}

/// A client of the Messages API that keeps its conversation, as an agent does.
struct Agent: Sendable {
    let model: Model
    var messages: [JSONValue]
    var tools: [JSONValue] = [["name": "Bash", "input_schema": ["type": "object"]]]
    var headers: Headers = [:]
    var path = "/v1/messages?beta=true"

    struct Failed: Error {
        let status: Int
        let type: String?
        let message: String?
        let headers: Headers
    }

    init(_ model: Model, _ prompt: String = "Go", session: String = "s1") {
        self.model = model
        messages = [["role": "user", "content": .string(prompt)]]
        headers = ["X-Claude-Code-Session-Id": session]
    }

    func request(isStreaming: Bool) -> JSONValue {
        [
            "model": "some-model", "max_tokens": 1000, "stream": .bool(isStreaming), "messages": .array(messages),
            "tools": .array(tools), "unknown_field": ["x": 1],
        ]
    }

    /// Asks without streaming.
    func ask() async throws -> JSONValue {
        let answer = try await model.send("POST", path, request(isStreaming: false).text(), headers: headers)
        return try Self.checked(answer)
    }

    /// Asks, and gives the refusal if there is one.
    func refusal() async throws -> Failed? {
        do {
            _ = try await ask()
            return nil
        } catch let error as Failed {
            return error
        }
    }

    private static func checked(_ answer: (head: ResponseHead, body: [UInt8])) throws -> JSONValue {
        let body = try JSONValue(parsing: answer.body)
        guard answer.head.status == 200 else {
            throw Failed(
                status: answer.head.status,
                type: body["error"]?["type"]?.string,
                message: body["error"]?["message"]?.string,
                headers: answer.head.headers
            )
        }
        return body
    }

    /// Asks for a stream and gives its events.
    func stream() async throws -> [StreamEvent] {
        let answer = try await model.send("POST", path, request(isStreaming: true).text(), headers: headers)
        guard answer.head.status == 200 else {
            _ = try Self.checked(answer)
            return []
        }
        return try StreamEvent.all(in: answer.body)
    }

    /// Takes the answer into the conversation, with one result per tool call.
    mutating func go(on answer: JSONValue, results: [JSONValue] = []) {
        messages.append(["role": "assistant", "content": answer["content"] ?? []])
        let uses = (answer["content"]?.array ?? []).filter { $0["type"]?.string == "tool_use" }
        let blocks: [JSONValue] = zip(uses, results).map { use, result in
            ["type": "tool_result", "tool_use_id": use["id"] ?? nil, "content": result]
        }
        if !blocks.isEmpty { messages.append(["role": "user", "content": .array(blocks)]) }
    }

    mutating func say(_ text: String) {
        messages.append(["role": "user", "content": [["type": "text", "text": .string(text)]]])
    }
}

struct StreamEvent: Sendable {
    let name: String
    let data: JSONValue

    static func all(in bytes: [UInt8]) throws -> [StreamEvent] {
        try String(decoding: bytes, as: UTF8.self).split(separator: "\n\n").map { block in
            let lines = block.split(separator: "\n")
            return StreamEvent(
                name: String(lines[0].dropFirst("event: ".count)),
                data: try JSONValue(parsing: String(lines[1].dropFirst("data: ".count)))
            )
        }
    }

    /// Puts a message together again, as a client does.
    static func message(of events: [StreamEvent]) throws -> JSONValue {
        var message = events[0].data["message"]?.object ?? [:]
        var usage = message["usage"]?.object ?? [:]
        var blocks: [[String: JSONValue]] = []
        var input = ""
        for event in events {
            switch event.name {
            case "content_block_start":
                blocks.append(event.data["content_block"]?.object ?? [:])
                input = ""
            case "content_block_delta":
                let delta = event.data["delta"]
                input += delta?["partial_json"]?.string ?? ""
                if let text = delta?["text"]?.string {
                    blocks[blocks.count - 1]["text"] = .string((blocks.last?["text"]?.string ?? "") + text)
                }
            case "content_block_stop":
                if !input.isEmpty { blocks[blocks.count - 1]["input"] = try JSONValue(parsing: input) }
            case "message_delta":
                message["stop_reason"] = event.data["delta"]?["stop_reason"]
                usage.merge(event.data["usage"]?.object ?? [:]) { _, last in last }
            default:
                break
            }
        }
        message["content"] = .array(blocks.map { .object($0) })
        message["usage"] = .object(usage)
        return .object(message)
    }
}
