/// Parses heads strictly, as RFC 9112 asks of one who forwards: what two readers could read in two ways is refused.
package enum HeadParser {
    /// Parses a request head: everything up to and with the empty line.
    package static func request(_ bytes: ArraySlice<UInt8>, limits: HTTPLimits) throws(HTTPError) -> RequestHead {
        var lines = Lines(bytes)
        let line = try lines.next()
        let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw .badRequest("The request line is not 'METHOD target HTTP/1.1'")
        }
        guard parts[0].allSatisfy(isToken) else {
            throw .badRequest("The method has characters that no method may have")
        }
        guard parts[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .badRequest("The request target has characters that must be percent-encoded")
        }
        let version = try minorVersion(parts[2])
        var head = RequestHead(method: text(parts[0]), target: text(parts[1]), headers: try fields(&lines, limits))
        head.minorVersion = version
        let hosts = head.headers.values("Host")
        guard hosts.count == 1 || (hosts.isEmpty && version == 0) else {
            throw .badRequest("A request needs exactly one Host field")
        }
        return head
    }

    /// Parses a response head.
    package static func response(_ bytes: ArraySlice<UInt8>, limits: HTTPLimits) throws(HTTPError) -> ResponseHead {
        var lines = Lines(bytes)
        let line = try lines.next()
        let parts = line.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[1].count == 3, let status = Int(text(parts[1])), status >= 100 else {
            throw .badRequest("The status line is not 'HTTP/1.1 code reason'")
        }
        let version = try minorVersion(parts[0])
        var head = ResponseHead(status: status, headers: try fields(&lines, limits))
        head.minorVersion = version
        return head
    }

    private static func minorVersion(_ bytes: ArraySlice<UInt8>) throws(HTTPError) -> Int {
        switch text(bytes) {
        case "HTTP/1.1": 1
        case "HTTP/1.0": 0
        default: throw .badRequest("Only HTTP/1.1 and HTTP/1.0 are spoken here")
        }
    }

    private static func fields(_ lines: inout Lines, _ limits: HTTPLimits) throws(HTTPError) -> Headers {
        var headers = Headers()
        var count = 0
        while true {
            let line = try lines.next()
            if line.isEmpty { return headers }
            count += 1
            guard count <= limits.fields else { throw HTTPError(431, "The head has more than \(limits.fields) fields") }
            guard let colon = line.firstIndex(of: 0x3A), colon > line.startIndex else {
                throw .badRequest("A header line has no name")
            }
            let name = line[..<colon]
            guard name.allSatisfy(isToken) else {
                throw .badRequest("A header name has characters that no name may have")
            }
            let value = line[(colon + 1)...]
            guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
                throw .badRequest("The header '\(text(name))' has control characters in its value")
            }
            headers.add(text(name), Headers.trimmed(Substring(text(value))))
        }
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// `token` of RFC 9110 §5.6.2.
    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true
        default: false
        }
    }

    /// Lines that end in CR LF and in nothing else.
    private struct Lines {
        private var rest: ArraySlice<UInt8>

        init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

        mutating func next() throws(HTTPError) -> ArraySlice<UInt8> {
            guard let feed = rest.firstIndex(of: 0x0A) else { throw .badRequest("The head ends inside a line") }
            guard feed > rest.startIndex, rest[feed - 1] == 0x0D else {
                throw .badRequest("A line of the head ends in a bare line feed")
            }
            let line = rest[rest.startIndex..<(feed - 1)]
            rest = rest[(feed + 1)...]
            guard !line.contains(0x0D) else { throw .badRequest("A line of the head has a bare carriage return") }
            return line
        }
    }
}

/// Where a body ends, by RFC 9112 §6.3.
package enum BodyFraming: Sendable, Hashable {
    case none
    case length(Int)
    case chunked
    case untilClose

    /// The framing of a request's body.
    package static func request(_ head: RequestHead) throws(HTTPError) -> BodyFraming {
        try declared(head.headers, head.minorVersion) ?? .none
    }

    /// The framing of the body that answers `method`.
    package static func response(_ head: ResponseHead, to method: String) throws(HTTPError) -> BodyFraming {
        if method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304 { return .none }
        return try declared(head.headers, head.minorVersion) ?? .untilClose
    }

    private static func declared(_ headers: Headers, _ minorVersion: Int) throws(HTTPError) -> BodyFraming? {
        let codings = headers.values("Transfer-Encoding")
        let lengths = headers.values("Content-Length")
        if !codings.isEmpty {
            guard lengths.isEmpty else {
                throw .badRequest("Content-Length and Transfer-Encoding contradict each other")
            }
            guard minorVersion == 1 else { throw .badRequest("HTTP/1.0 has no Transfer-Encoding") }
            guard codings.count == 1, codings[0].lowercased() == "chunked" else {
                throw .badRequest("The only Transfer-Encoding spoken here is chunked")
            }
            return .chunked
        }
        guard let first = lengths.first else { return nil }
        guard lengths.count == 1, (1...18).contains(first.utf8.count),
            first.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let length = Int(first)
        else { throw .badRequest("Content-Length is not one number") }
        return .length(length)
    }
}
