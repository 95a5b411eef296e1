import HTTP

/// Reads the requests of one HTTP connection as they pass, each for its host.
struct RequestWatch: Sendable {
    private enum State {
        case head(HeadCutter, held: ArraySlice<UInt8>)
        case length(Int)
        case chunked(ChunkedDecoder)
        /// Behind a request to leave HTTP, which the server may have refused. What begins like a frame of WebSocket is no request
        /// to any server; all else is read as the next one. Becomes `opaque` or `head`.
        case leaving
        /// Terminal.
        case opaque
    }

    private static let limits = HTTPLimits()
    private var state = State.head(HeadCutter(.request, limit: limits.head), held: [])

    /// Whether bytes begin as a request line does: a method, and a space behind it. Nil when there are too few to tell.
    static func looksLikeRequest(_ bytes: [UInt8]) -> Bool? {
        let line = bytes[...]
        // Some servers pass over empty lines in front of a request: what begins with one is read, and refused, as a request.
        if line.first == 0x0D || line.first == 0x0A { return true }
        let method = line.prefix { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D }
        guard method.count < line.count else { return method.count <= 20 ? nil : false }
        guard !method.isEmpty, method.count <= 20, line[line.startIndex + method.count] == 0x20 else { return false }
        // Other protocols have words with spaces behind them, too; a target says which it is.
        guard line.count > method.count + 1 else { return nil }
        let target = line[line.startIndex + method.count + 1]
        return target == 0x2F || target == 0x2A || target == 0x20 || isHTTPMethod(method)
    }

    private static func isHTTPMethod(_ bytes: ArraySlice<UInt8>) -> Bool {
        let method = String(decoding: bytes, as: UTF8.self)
        return ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI"].contains(method)
    }

    mutating func add(_ bytes: [UInt8]) throws(FirstWords.Malformed) -> FirstWords.Step {
        var step = FirstWords.Step()
        var input = bytes[...]
        while !input.isEmpty { try take(&input, &step) }
        return step
    }

    private mutating func take(_ input: inout ArraySlice<UInt8>, _ step: inout FirstWords.Step) throws(FirstWords
        .Malformed)
    {
        switch state {
        case .opaque:
            step.bytes += input
            input = []
        case .leaving:
            state =
                (input.first ?? 0) >= 0x80 ? .opaque : .head(HeadCutter(.request, limit: Self.limits.head), held: [])
        case .length(let left):
            let part = input.prefix(left)
            step.bytes += part
            input = input.dropFirst(part.count)
            state = part.count == left ? Self.nextHead : .length(left - part.count)
        case .chunked(var decoder):
            let before = input
            do throws(HTTPError) {
                while !input.isEmpty, !decoder.isFinished { _ = try decoder.next(&input) }
            } catch {
                throw FirstWords.Malformed(description: error.message)
            }
            step.bytes += before.prefix(before.count - input.count)
            state = decoder.isFinished ? Self.nextHead : .chunked(decoder)
        case .head(var cutter, let held):
            var all = held + input
            input = []
            // Some servers pass over an empty line here; no client needs it.
            guard all.first != 0x0D, all.first != 0x0A else {
                throw FirstWords.Malformed(description: "A request begins with an empty line")
            }
            let before = all
            let head: RequestHead
            let framing: BodyFraming
            do throws(HTTPError) {
                guard let bytes = try cutter.next(&all) else {
                    state = .head(cutter, held: all)
                    return
                }
                head = try HeadParser.request(bytes, limits: Self.limits)
                framing = try BodyFraming.request(head)
            } catch {
                throw FirstWords.Malformed(description: error.message)
            }
            input = all
            step.names.append(.http(try Self.authority(of: head)))
            step.bytes += before.prefix(before.count - all.count)
            state =
                switch framing {
                case .none, .length(0): head.headers["Upgrade"] != nil ? .leaving : Self.nextHead
                case .length(let length): .length(length)
                case .chunked: .chunked(ChunkedDecoder(limits: Self.limits))
                case .untilClose: .opaque
                }
        }
    }

    private static var nextHead: State { .head(HeadCutter(.request, limit: limits.head), held: []) }

    private static func authority(of head: RequestHead) throws(FirstWords.Malformed) -> HTTPAuthority {
        guard head.method != "CONNECT" else {
            throw FirstWords.Malformed(description: "A request to a proxy can not be followed to its end")
        }
        // HTTP/2 without TLS would hide the requests that follow.
        guard head.method != "PRI", !head.headers.lists("Upgrade", "h2c") else {
            throw FirstWords.Malformed(description: "HTTP/2 without TLS is not carried")
        }
        guard let target = head.host, let authority = HTTPAuthority(target), let field = head.headers["Host"],
            HTTPAuthority(field) == authority
        else {
            throw FirstWords.Malformed(description: "The request does not name one host")
        }
        return authority
    }
}
