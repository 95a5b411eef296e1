/// Requests that two servers could read in two ways, or that are too large; and the few odd ones that are fine.
struct CorpusRequest: Sendable, CustomStringConvertible {
    let name: String
    let bytes: [UInt8]
    /// The statuses that a server answers with, in order, which reads bodies to their end and then says 200.
    let statuses: [Int]

    var description: String { name }

    init(_ name: String, _ text: String, _ statuses: Int...) {
        self.name = name
        bytes = Array(text.utf8)
        self.statuses = statuses
    }

    init(_ name: String, bytes: [UInt8], _ statuses: Int...) {
        self.name = name
        self.bytes = bytes
        self.statuses = statuses
    }

    private static func get(_ fields: String) -> String { "GET / HTTP/1.1\r\n\(fields)\r\n" }
    private static func post(_ fields: String, _ body: String = "") -> String {
        "POST / HTTP/1.1\r\nHost: x\r\n\(fields)\r\n\(body)"
    }
    private static let chunked = "Transfer-Encoding: chunked\r\n"

    static let all: [CorpusRequest] = [
        CorpusRequest("plain", get("Host: x\r\n"), 200),
        CorpusRequest("length and chunks", post("Content-Length: 5\r\n\(chunked)", "0\r\n\r\n"), 400),
        CorpusRequest("two lengths that differ", post("Content-Length: 0\r\nContent-Length: 5\r\n"), 400),
        CorpusRequest("two lengths that agree", post("Content-Length: 0\r\nContent-Length: 0\r\n"), 400),
        CorpusRequest("a list of lengths", post("Content-Length: 0, 0\r\n"), 400),
        CorpusRequest("a length with a plus sign", post("Content-Length: +0\r\n"), 400),
        CorpusRequest("a negative length", post("Content-Length: -1\r\n"), 400),
        CorpusRequest("a hexadecimal length", post("Content-Length: 0x0\r\n"), 400),
        CorpusRequest("an empty length", post("Content-Length:\r\n"), 400),
        CorpusRequest("a length beyond 64 bits", post("Content-Length: 18446744073709551616\r\n"), 400),
        CorpusRequest("identity coding", post("Transfer-Encoding: identity\r\n"), 400),
        CorpusRequest("chunked, then identity", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 400),
        CorpusRequest("an unknown coding", post("Transfer-Encoding: xchunked\r\n"), 400),
        CorpusRequest("two codings", post("\(chunked)Transfer-Encoding: identity\r\n", "0\r\n\r\n"), 400),
        CorpusRequest("chunks in HTTP/1.0", "POST / HTTP/1.0\r\nHost: x\r\n\(chunked)\r\n0\r\n\r\n", 400),
        CorpusRequest("a space before the colon", get("Host : x\r\n"), 400),
        CorpusRequest(
            "a coding with a space before the colon",
            post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
            400
        ),
        CorpusRequest("a folded line", get("Host: x\r\nX: a\r\n b\r\n"), 400),
        CorpusRequest("a folded line with a colon", get("Host: x\r\nX: a\r\n b: c\r\n"), 400),
        CorpusRequest("bare line feeds", "GET / HTTP/1.1\nHost: x\n\n", 400),
        CorpusRequest("one bare line feed", "GET / HTTP/1.1\r\nHost: x\nX: a\r\n\r\n", 400),
        CorpusRequest("a bare carriage return", get("Host: x\r\nX: a\rb\r\n"), 400),
        CorpusRequest("NUL in a value", get("Host: x\r\nX: a\0b\r\n"), 400),
        CorpusRequest("NUL in a name", get("Host: x\r\nX\0: a\r\n"), 400),
        CorpusRequest("a field without a name", get("Host: x\r\n: a\r\n"), 400),
        CorpusRequest("no Host", get(""), 400),
        CorpusRequest("two Hosts", get("Host: x\r\nHost: y\r\n"), 400),
        CorpusRequest("HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 400),
        CorpusRequest("HTTP/9.9", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400),
        CorpusRequest("HTTP/0.9", "GET /\r\n\r\n", 400),
        CorpusRequest("tabs for spaces", "GET\t/\tHTTP/1.1\r\nHost: x\r\n\r\n", 400),
        CorpusRequest("two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        CorpusRequest(
            "a method beyond ASCII",
            bytes: [0x47, 0x80, 0x54] + Array(" / HTTP/1.1\r\nHost: x\r\n\r\n".utf8),
            400
        ),
        CorpusRequest("a chunk size with 0x", post(chunked, "0x0\r\n\r\n"), 400),
        CorpusRequest("a negative chunk size", post(chunked, "-1\r\n\r\n"), 400),
        CorpusRequest("a chunk size beyond 64 bits", post(chunked, "10000000000000000\r\n\r\n"), 413),
        CorpusRequest("chunks that end in bare line feeds", post(chunked, "0\n\n"), 400),
        CorpusRequest("a chunk longer than its size", post(chunked, "1\r\nAX0\r\n\r\n"), 400),
        CorpusRequest("an endless chunk size line", post(chunked, "1;" + String(repeating: "a", count: 400)), 400),
        CorpusRequest("a trailer with a bare line feed", post(chunked, "0\r\nX: a\n\r\n"), 400),
        CorpusRequest("a chunk size with a space", post(chunked, "1 \r\na\r\n0\r\n\r\n"), 400),
        CorpusRequest("a chunk size with a plus sign", post(chunked, "+1\r\na\r\n0\r\n\r\n"), 400),
        CorpusRequest("an empty chunk size", post(chunked, "\r\n\r\n"), 400),
        CorpusRequest("a chunk size with an underscore", post(chunked, "1_0\r\n"), 400),
        CorpusRequest("a bare carriage return in a chunk size", post(chunked, "0\r\r\n\r\n"), 400),
        CorpusRequest("a bare carriage return in an extension", post(chunked, "0;a\rb\r\n\r\n"), 400),
        CorpusRequest("a chunk without its end", post(chunked, "1\r\na0\r\n\r\n"), 400),
        CorpusRequest(
            "a trailer of 100 kB",
            post(chunked, "0\r\nX: \(String(repeating: "a", count: 100_000))\r\n\r\n"),
            431
        ),
        CorpusRequest("coded twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400),
        CorpusRequest(
            "a coding behind a control character",
            post("Transfer-Encoding: \u{b}chunked\r\n", "0\r\n\r\n"),
            400
        ),
        CorpusRequest("a coding in capitals behind a tab", post("TRANSFER-ENCODING:\tChunked\r\n", "0\r\n\r\n"), 200),
        CorpusRequest("a length with a space in it", post("Content-Length: 1 0\r\n"), 400),
        CorpusRequest("a length with an underscore", post("Content-Length: 1_0\r\n"), 400),
        CorpusRequest("a length with a comma behind it", post("Content-Length: 0,\r\n"), 400),
        CorpusRequest("lengths and an empty coding", post("Content-Length: 0\r\nTransfer-Encoding:\r\n"), 400),
        CorpusRequest("a folded line as the first", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400),
        CorpusRequest(
            "a target of 100 kB",
            "GET /\(String(repeating: "a", count: 100_000)) HTTP/1.1\r\nHost: x\r\n\r\n",
            431
        ),
        CorpusRequest("NUL in the target", "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        CorpusRequest("a version in small letters", "GET / http/1.1\r\nHost: x\r\n\r\n", 400),
        CorpusRequest("an answer", "HTTP/1.1 200 OK\r\nHost: x\r\n\r\n", 400),
        CorpusRequest("a TLS hello", bytes: [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0, 0x0A, 0x0A], 400),
        CorpusRequest("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        CorpusRequest("a head of 100 kB", get("Host: x\r\nX: \(String(repeating: "a", count: 100_000))\r\n"), 431),
        CorpusRequest("5000 fields", get("Host: x\r\n" + String(repeating: "X: a\r\n", count: 5000)), 431),
        CorpusRequest("an empty line in front", "\r\n" + get("Host: x\r\n"), 200),
        CorpusRequest("two empty lines in front", "\r\n\r\n" + get("Host: x\r\n"), 400),
        CorpusRequest("an absolute target", "GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        CorpusRequest("two requests at once", get("Host: x\r\n") + get("Host: x\r\n"), 200, 200),
        CorpusRequest(
            "a request behind a broken chunk",
            post(chunked, "1\r\nAX\r\n0\r\n\r\n") + get("Host: x\r\n"),
            400
        ),
        CorpusRequest(
            "a chunked body with extension and trailer",
            post(chunked, "2;a=b\r\nhi\r\n0\r\nX: y\r\n\r\n") + get("Host: x\r\n"),
            200,
            200
        ),
    ]
}
