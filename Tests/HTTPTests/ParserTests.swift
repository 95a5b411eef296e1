import Testing

@testable import HTTP

/// What a strict server would answer, by the parsers alone, when `bytes` arrive in pieces of `size`.
private func statuses(of bytes: [UInt8], inPiecesOf size: Int) -> [Int] {
    let limits = HTTPLimits()
    var buffer: ArraySlice<UInt8> = []
    var rest = bytes[...]
    var cutter = HeadCutter(.request, limit: limits.head)
    var body: ChunkedDecoder?
    var remaining = 0
    var statuses: [Int] = []
    do throws(HTTPError) {
        while true {
            if var decoder = body {
                while !buffer.isEmpty, !decoder.isFinished { _ = try decoder.next(&buffer) }
                body = decoder.isFinished ? nil : decoder
                if decoder.isFinished {
                    statuses.append(200)
                    continue
                }
            } else if remaining > 0 {
                let taken = min(remaining, buffer.count)
                buffer = buffer.dropFirst(taken)
                remaining -= taken
                if remaining == 0 {
                    statuses.append(200)
                    continue
                }
            } else if let head = try cutter.next(&buffer) {
                cutter = HeadCutter(.request, limit: limits.head)
                switch try BodyFraming.request(try HeadParser.request(head, limits: limits)) {
                case .none, .length(0): statuses.append(200)
                case .length(let length): remaining = length
                case .chunked: body = ChunkedDecoder(limits: limits)
                case .untilClose: Issue.record("no request ends with its connection")
                }
                continue
            }
            if rest.isEmpty { return statuses }
            buffer += rest.prefix(size)
            rest = rest.dropFirst(size)
        }
    } catch {
        return statuses + [error.status]
    }
}

@Suite struct `the request parser` {
    @Test(arguments: CorpusRequest.all)
    func `reads a request the same in whatever pieces it comes`(request: CorpusRequest) {
        for size in [1, 2, 3, 7, 64, .max] where size >= 64 || request.bytes.count < 10_000 {
            #expect(statuses(of: request.bytes, inPiecesOf: size) == request.statuses, "in pieces of \(size)")
        }
    }

    @Test func `gives method, target, fields and version`() throws {
        let text = "PUT /a%20b?x=1 HTTP/1.0\r\nhOsT:\t h \r\nX-A: 1\r\nx-a: 2\r\nEmpty:\r\n\r\n"
        let head = try HeadParser.request(Array(text.utf8)[...], limits: HTTPLimits())
        #expect(head.method == "PUT")
        #expect(head.target == "/a%20b?x=1")
        #expect(head.minorVersion == 0)
        #expect(head.headers["Host"] == "h")
        #expect(head.headers.values("X-A") == ["1", "2"])
        #expect(head.headers["empty"] == "")
    }

    @Test func `cuts values at bytes, not at characters`() throws {
        // U+05C7 joins what stands before it into one character.
        let text = "GET / HTTP/1.1\r\nHost: \u{05C7}a \t\r\nConnection: x,\u{05C7} ,\t close\r\n\r\n"
        let head = try HeadParser.request(Array(text.utf8)[...], limits: HTTPLimits())
        #expect(head.headers["Host"] == "\u{05C7}a")
        #expect(head.headers.lists("Connection", "close") && head.headers.lists("Connection", "x"))
    }

    @Test(arguments: [
        ("/a/b?c=d", "/a/b", "h"), ("*", "*", "h"), ("http://y:1/a?b", "/a", "y:1"), ("HTTP://y?b=/c", "/", "y"),
        ("http://y", "/", "y"),
    ])
    func `finds path and host in any form of target`(target: String, path: String, host: String) {
        let head = RequestHead(method: "GET", target: target, headers: ["Host": "h"])
        #expect(head.path == path)
        #expect(head.host == host)
    }

    @Test func `splits a path before it decodes it`() {
        let head = RequestHead(method: "GET", target: "/a%2Fb/%zz/c?d=e%26f+g&h&=i")
        #expect(head.pathParts == ["a/b", "%zz", "c"])
        #expect(head.query == ["d": "e&f g", "h": "", "": "i"])
    }
}

@Suite struct `the response parser` {
    private func parse(_ text: String) throws -> ResponseHead {
        try HeadParser.response(Array(text.utf8)[...], limits: HTTPLimits())
    }

    @Test func `takes a status line with and without a reason`() throws {
        #expect(try parse("HTTP/1.1 204 No Content\r\n\r\n").status == 204)
        #expect(try parse("HTTP/1.1 299\r\n\r\n").status == 299)
        #expect(try parse("HTTP/1.0 200 \r\nA: b\r\n\r\n").headers["a"] == "b")
    }

    @Test(arguments: ["HTTP/2 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 +20 OK", "HTTP/1.1 099 OK", "200 OK", "HTTP/1.1"])
    func `refuses what is no status line`(line: String) {
        #expect(throws: HTTPError.self) { try parse("\(line)\r\n\r\n") }
    }

    @Test func `knows which answers have no body`() throws {
        let head = ResponseHead(status: 200, headers: ["Content-Length": "5"])
        #expect(try BodyFraming.response(head, to: "HEAD") == .none)
        #expect(try BodyFraming.response(head, to: "GET") == .length(5))
        #expect(try BodyFraming.response(ResponseHead(status: 304, headers: head.headers), to: "GET") == .none)
        #expect(try BodyFraming.response(ResponseHead(status: 200), to: "GET") == .untilClose)
    }
}

@Suite struct `a head that is written` {
    @Test func `can not be made two by what stands in it`() throws {
        let head = RequestHead(
            method: "GE\r\nT",
            target: "/a b\r\nX: y",
            headers: ["Host": "h\r\nEvil: 1", "N\r\nEvil:": "2"]
        )
        let parsed = try HeadParser.request(head.encoded()[...], limits: HTTPLimits())
        #expect(parsed.method == "GET")
        #expect(parsed.target == "/a%20b%0D%0AX:%20y")
        #expect(parsed.headers.fields.map(\.name) == ["Host", "NEvil"])
        #expect(parsed.headers["Host"] == "hEvil: 1")
    }
}

@Suite struct `percent-encoding` {
    @Test(arguments: ["", "a", "ä/ö ü", "100%", "\u{0}\u{1F600}", "~-._"])
    func `comes back as it went`(text: String) {
        #expect(PercentEncoding.decode(PercentEncoding.encode(text)) == text)
    }

    @Test(arguments: ["%", "%4", "%GG", "%ff", "a%e2%82"])
    func `refuses broken escapes and bytes that are no text`(text: String) {
        #expect(PercentEncoding.decode(text) == nil)
    }
}
