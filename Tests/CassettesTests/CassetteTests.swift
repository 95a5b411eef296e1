import FoundationEssentials
import Linux
import Testing
import Wire

@testable import Cassettes

private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = "/tmp/cassette-\(Random.name(10))"
    defer { try? Files.remove(folder) }
    try body(folder)
}

private func request(_ text: String, path: String = "/v1/messages") throws -> CanonicalRequest {
    CanonicalRequest(method: "POST", path: path, body: try JSONValue(parsing: text))
}

private func track(_ request: String, _ answer: JSONValue, _ redaction: Redaction = Redaction()) throws -> Track {
    var recorder = TrackRecorder(method: "POST", path: "/v1/messages", body: Array(request.utf8))
    recorder.begin(status: 200, headers: [("Content-Type", "application/json"), ("Set-Cookie", "session=1")])
    recorder.add(answer.encoded())
    return try #require(recorder.finish(redaction))
}

@Suite struct `a cassette` {
    @Test func `plays what was recorded, from its files alone`() throws {
        try inFolder { folder in
            let recording = try Cassette(folder, .record)
            for index in 0..<3 { try recording.add(track(#"{"q":\#(index)}"#, ["a": .integer(Int64(index))])) }
            #expect(Files.list(folder) == ["0001.json", "0002.json", "0003.json"])
            let cassette = try Cassette(folder, .replay)
            #expect(cassette.next(try request(#"{"q":1}"#))?.content == .object(["a": 1]))
            #expect(cassette.next(try request(#"{"q":1}"#))?.headers == ["content-type": "application/json"])
            #expect(cassette.next(try request(#"{"q":7}"#)) == nil)
            #expect(cassette.next(try request(#"{"q":1}"#, path: "/v1/other")) == nil)
        }
    }

    @Test func `plays several answers to one request in their order, and the last again`() throws {
        try inFolder { folder in
            let recording = try Cassette(folder, .record)
            for index in 0..<3 { try recording.add(track("{}", .integer(Int64(index)))) }
            let cassette = try Cassette(folder, .replay)
            let played = try (0..<5).map { _ in cassette.next(try request("{}"))?.content }
            #expect(played == [0, 1, 2, 2, 2].map { .object(.integer($0)) })
        }
    }

    @Test func `goes on with what it holds in hybrid mode, and does not play what it has just kept`() throws {
        try inFolder { folder in
            try Cassette(folder, .record).add(track("{}", "first"))
            let cassette = try Cassette(folder, .hybrid)
            #expect(cassette.next(try request(#"{"q":1}"#)) == nil)
            try cassette.add(track(#"{"q":1}"#, "second"))
            #expect(Files.list(folder) == ["0001.json", "0002.json"])
            #expect(cassette.next(try request("{}"))?.content == .object("first"))
        }
    }

    @Test func `is refused where it is none, or would be written over`() throws {
        try inFolder { folder in
            #expect(throws: CassetteError.self) { try Cassette(folder, .replay) }
            try Cassette(folder, .record).add(track("{}", 1))
            #expect(throws: CassetteError.self) { try Cassette(folder, .record) }
            for text in ["", "{}", "[]", #"{"request":{},"answer":{}}"#] {
                try Files.write(Array(text.utf8), to: "\(folder)/0002.json")
                let error = #expect(throws: CassetteError.self) { try Cassette(folder, .replay) }
                #expect(error?.code == .malformed)
            }
        }
    }

    @Test func `says what is different in the nearest recording`() throws {
        try inFolder { folder in
            let recording = try Cassette(folder, .record)
            try recording.add(track(#"{"model":"m","messages":[{"content":"hello there"}],"a":1}"#, 1))
            try recording.add(track(#"{"model":"other","messages":[],"b":[1,2,3]}"#, 2))
            let cassette = try Cassette(folder, .replay)
            let miss = cassette.miss(try request(#"{"model":"m","messages":[{"content":"hello here"}],"a":1,"c":2}"#))
            #expect(miss.contains(#"- messages[0].content: "hello there""#))
            #expect(miss.contains(#"+ messages[0].content: "hello here""#))
            #expect(miss.contains("- c: nothing\n+ c: 2") && !miss.contains("model"))
            #expect(cassette.miss(try request("{}", path: "/x")).hasSuffix("nor any to POST /x"))
        }
    }
}

@Suite struct `a canonical request` {
    @Test(arguments: [
        (#"{"a":1,"b":2}"#, #"{ "b" : 2.0, "a" : 1 }"#),
        (#"{"metadata":{"user_id":"x"},"max_tokens":5}"#, #"{"max_tokens":9}"#),
        (
            #"{"t":"at 2026-11-20T15:46:37.123Z in 3a059300-1111-2222-3333-444455556666."}"#,
            #"{"t":"at 2025-01-02T03:04:05+01:00 in ffffffff-1111-2222-3333-444455556666."}"#
        ),
        (#"{"t":"Today is 2026-11-20, ok"}"#, #"{"t":"Today is 2027-01-01, ok"}"#),
        (#"{"s":[{"text":"x","cache_control":{"type":"ephemeral"}}]}"#, #"{"s":[{"text":"x"}]}"#),
        (#"{"t":"x-anthropic-billing-header: cc_version=1;"}"#, #"{"t":"x-anthropic-billing-header: cc_version=2;"}"#),
    ])
    func `is the same for what says the same`(one: String, other: String) throws {
        #expect(try request(one).key == request(other).key)
    }

    @Test(arguments: [
        (#"{"a":1}"#, #"{"a":2}"#), (#"{"a":[1,2]}"#, #"{"a":[2,1]}"#),
        (#"{"t":"12026-11-20"}"#, #"{"t":"12026-11-21"}"#),
        (#"{"t":"1-2-3"}"#, #"{"t":"1-2-4"}"#), (#"{"model":"a"}"#, #"{"model":"b"}"#), ("1", "2"),
        (#"{"nested":{"max_tokens":5}}"#, #"{"nested":{"max_tokens":9}}"#),
    ])
    func `differs for what does not`(one: String, other: String) throws {
        #expect(try request(one).key != request(other).key)
    }
}

@Suite struct `what is kept` {
    private let value = "hunter2/with \"quotes\"+and\nlines"

    @Test func `holds no secret that this host knows, in any form`() throws {
        let redaction = Redaction(["anthropic": Secret(value), "short": Secret("abc")])
        let inside = JSONValue.string(JSONValue.string(value).text()).text()
        let base64 = Data("x:\(value) and more".utf8).base64EncodedString()
        for text in [
            value, "a \(value) b", "x\(JSONValue.string(value).text())", inside,
            "q=hunter2%2Fwith%20%22quotes%22%2Band%0Alines",
        ] {
            let kept = redaction(text)
            #expect(kept.contains("‹secret anthropic›") && !kept.contains("hunter2") && !kept.contains("quotes"))
        }
        let decoded = redaction(base64)
        #expect(decoded.contains("‹secret anthropic›"))
        #expect(
            redaction(["\(value)": [.string(value), 1, nil]]) == ["‹secret anthropic›": ["‹secret anthropic›", 1, nil]]
        )
        #expect(redaction("abc") == "abc")
    }

    @Test(arguments: [
        "sk-ant-api03-abcdefghijklmnop_QRST-uvw", "ghp_0123456789abcdefghij", "AKIAIOSFODNN7EXAMPLE",
        "e2b_0123456789abcdef0123",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nMIIE",
    ])
    func `holds nothing that looks like a secret`(text: String) {
        #expect(Redaction()("before \(text)") == "before ‹secret›")
    }

    @Test(arguments: ["e2b_", "task-antarctica", "AKIA", "xsk-ant-abcdefghijklmnop", "-----BEGIN CERTIFICATE-----\nMI"])
    func `is left alone otherwise`(text: String) {
        #expect(Redaction()(text) == text)
    }

    @Test func `finds a secret that came in pieces, and keeps the time of each`() throws {
        let redaction = Redaction(["key": Secret("the-secret-value")])
        var recorder = TrackRecorder(method: "POST", path: "/v1/messages", body: Array("{}".utf8))
        recorder.begin(status: 200, headers: [("content-type", "text/event-stream")])
        let stream =
            ["say the-se", "cret-val", "ue now"].map { piece in
                #"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\#(piece)"}}"#
            }.map { "event: content_block_delta\r\n\($0)\r\n\r\n" }.joined()
            + "event: ping\ndata: {\"type\":\"ping\"}\n\n"
        for byte in stream.utf8 { recorder.add([byte]) }
        let track = try #require(recorder.finish(redaction))
        guard case .events(let events) = track.content else {
            Issue.record("\(track.content)")
            return
        }
        #expect(events.map { $0.data["delta"]?["text"]?.string } == ["say ‹secret key› now", "", "", nil])
        #expect(events.map(\.name) == ["content_block_delta", "content_block_delta", "content_block_delta", "ping"])
        #expect(zip(events, events.dropFirst()).allSatisfy { $0.at <= $1.at })
        #expect(Track(track.document) == track)
    }

    @Test func `is not half an answer`() {
        var recorder = TrackRecorder(method: "POST", path: "/", body: [])
        recorder.begin(status: 200, headers: [("content-type", "text/event-stream")])
        recorder.add(Array("data: {}\n\ndata: {\"a\"".utf8))
        #expect(recorder.finish(Redaction()) == nil)
    }
}
