import Glibc
import HTTP

/// Takes a `multipart/form-data` body apart, in whatever pieces it arrives.
struct MultipartParser: Sendable {
    /// The head of one part.
    struct Part: Sendable, Hashable {
        var name: String
        /// As it was sent: a whole path is kept.
        var filename: String?
    }

    enum Event: Sendable, Hashable {
        case began(Part)
        case data([UInt8])
        case ended
    }

    private enum State {
        /// In front of the first delimiter. Goes to `delimited`.
        case preamble
        /// Behind a delimiter, where a line end or `--` follows. Goes to `head` or `finished`.
        case delimited
        /// In the head of a part. Goes to `data`.
        case head
        /// In the bytes of a part, up to the next delimiter. Goes to `delimited`.
        case data
        /// Terminal: what follows is ignored.
        case finished
    }

    private static let headLimit = 16 * 1024

    private var state = State.preamble
    private var pending: [UInt8] = [0x0D, 0x0A]
    private let delimiter: [UInt8]

    /// - Parameter boundary: as the `Content-Type` names it.
    init(boundary: String) {
        delimiter = Array("\r\n--\(boundary)".utf8)
    }

    /// Makes a parser for a `Content-Type`; nil when it is not `multipart/form-data` with a boundary.
    init?(contentType: String) {
        let parts = contentType.split(separator: ";").map { $0.drop { $0 == " " } }
        guard parts.first?.lowercased() == "multipart/form-data" else { return nil }
        guard let field = parts.dropFirst().first(where: { $0.lowercased().hasPrefix("boundary=") }) else { return nil }
        let value = field.dropFirst("boundary=".count)
        let boundary = value.hasPrefix("\"") && value.hasSuffix("\"") ? value.dropFirst().dropLast() : value
        guard (1...70).contains(boundary.utf8.count) else { return nil }
        self.init(boundary: String(boundary))
    }

    /// Takes the next bytes and gives what they complete.
    mutating func add(_ bytes: [UInt8]) throws(HTTPError) -> [Event] {
        pending += bytes
        var events: [Event] = []
        while try step(&events) {}
        return events
    }

    /// Says that no more bytes come.
    func finish() throws(HTTPError) {
        guard case .finished = state else { throw HTTPError(400, "The multipart body ends before its last delimiter") }
    }

    /// Does what the pending bytes allow; false when more are needed.
    private mutating func step(_ events: inout [Event]) throws(HTTPError) -> Bool {
        switch state {
        case .preamble:
            guard let found = Self.find(delimiter, in: pending) else {
                pending.removeFirst(max(0, pending.count - delimiter.count))
                return false
            }
            pending.removeFirst(found + delimiter.count)
            state = .delimited
            return true
        case .delimited:
            guard pending.count >= 2 else { return false }
            if pending.starts(with: [0x2D, 0x2D]) {
                pending = []
                state = .finished
                return false
            }
            guard pending.starts(with: [0x0D, 0x0A]) else {
                throw HTTPError(400, "A delimiter of the multipart body is not followed by a line end")
            }
            // The line end stays: a head without fields is an empty line behind it.
            state = .head
            return true
        case .head:
            guard let end = Self.find([0x0D, 0x0A, 0x0D, 0x0A], in: pending) else {
                guard pending.count <= Self.headLimit else {
                    throw HTTPError(400, "The head of a part of the multipart body is too long")
                }
                return false
            }
            events.append(.began(try Self.part(pending[..<end])))
            pending.removeFirst(end + 4)
            state = .data
            return true
        case .data:
            if let found = Self.find(delimiter, in: pending) {
                if found > 0 { events.append(.data(Array(pending[..<found]))) }
                events.append(.ended)
                pending.removeFirst(found + delimiter.count)
                state = .delimited
                return true
            }
            // The last bytes may be the first of a delimiter.
            let safe = pending.count - (delimiter.count - 1)
            if safe > 0 {
                events.append(.data(Array(pending[..<safe])))
                pending.removeFirst(safe)
            }
            return false
        case .finished:
            pending = []
            return false
        }
    }

    private static func find(_ needle: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= needle.count else { return nil }
        return bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return nil }
            var index = 0
            let end = bytes.count - needle.count + 1
            // The first byte is looked for in one go: almost all of a body is not it.
            while index < end, let found = memchr(start + index, Int32(needle[0]), end - index) {
                index = found - UnsafeMutableRawPointer(mutating: start)
                if memcmp(found, needle, needle.count) == 0 { return index }
                index += 1
            }
            return nil
        }
    }

    /// Reads the fields of a part's head.
    private static func part(_ head: ArraySlice<UInt8>) throws(HTTPError) -> Part {
        for line in head.split(separator: 0x0A) {
            let text = String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
            guard let colon = text.firstIndex(of: ":"), text[..<colon].lowercased() == "content-disposition" else {
                continue
            }
            let parameters = parameters(text[text.index(after: colon)...])
            guard let name = parameters["name"] else { break }
            return Part(name: name, filename: parameters["filename"])
        }
        throw HTTPError(400, "A part of the multipart body has no name")
    }

    /// `form-data; name="file"; filename="a \"b\".txt"`, where a backslash keeps a quote inside its string.
    private static func parameters(_ text: Substring) -> [String: String] {
        var found: [String: String] = [:]
        var rest = text.drop { $0 != ";" }
        while rest.popFirst() != nil {
            rest = rest.drop { $0 == " " || $0 == "\t" }
            let name = rest.prefix { $0 != "=" && $0 != ";" }
            rest = rest.dropFirst(name.count)
            guard rest.popFirst() == "=" else { break }
            var value = ""
            if rest.first == "\"" {
                rest.removeFirst()
                while let character = rest.popFirst(), character != "\"" {
                    if character == "\\", let next = rest.first, next == "\"" || next == "\\" {
                        value.append(next)
                        rest.removeFirst()
                    } else {
                        value.append(character)
                    }
                }
                rest = rest.drop { $0 != ";" }
            } else {
                value = String(rest.prefix { $0 != ";" })
                rest = rest.dropFirst(value.count)
            }
            found[name.lowercased()] = value
        }
        return found
    }
}
