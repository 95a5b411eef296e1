/// Cuts a head out of a stream of bytes, in whatever pieces it arrives.
package struct HeadCutter: Sendable {
    package enum Kind: Sendable { case request, response }

    private let limit: Int
    /// One empty line before a request line is tolerated: RFC 9112 §2.2.
    private var mayBeginEmpty: Bool
    /// How many bytes hold no end of a head.
    private var searched = 0

    package init(_ kind: Kind, limit: Int) {
        self.limit = limit
        mayBeginEmpty = kind == .request
    }

    /// Takes the head off the front of `input`; nil, and the bytes left where they are, when its end is not there yet.
    ///
    /// - Throws: ``HTTPError`` with status 431 when the head is longer than the limit.
    package mutating func next(_ input: inout ArraySlice<UInt8>) throws(HTTPError) -> ArraySlice<UInt8>? {
        if mayBeginEmpty, let first = input.first {
            if first == 0x0D, input.count == 1 { return nil }
            if input.starts(with: [0x0D, 0x0A]) { input = input.dropFirst(2) }
            mayBeginEmpty = false
        }
        let end = Self.endOfHead(input, from: searched)
        guard (end.map { $0 - input.startIndex } ?? input.count) <= limit else {
            throw HTTPError(431, "The head is larger than \(limit) bytes")
        }
        guard let end else {
            searched = max(0, input.count - 3)
            return nil
        }
        let head = input[..<end]
        input = input[end...]
        return head
    }

    /// The index behind the first empty line; a bare LF LF also ends a head, for the parser to refuse.
    private static func endOfHead(_ bytes: ArraySlice<UInt8>, from offset: Int) -> Int? {
        var index = bytes.startIndex + offset
        while index < bytes.endIndex {
            if bytes[index] == 0x0A {
                let next = index + 1
                if next < bytes.endIndex, bytes[next] == 0x0A { return next + 1 }
                if next + 1 < bytes.endIndex, bytes[next] == 0x0D, bytes[next + 1] == 0x0A { return next + 2 }
            }
            index += 1
        }
        return nil
    }
}
