/// Reads exactly one JSON document (RFC 8259), and says by line and column what is wrong with any other text.
///
/// Of members with the same name the last one counts, as in every browser. Nesting is bounded, because reading it is recursive.
struct JSONParser {
    static let depthLimit = 512

    private let bytes: [UInt8]
    private var place = 0
    private var depth = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        // A byte order mark says nothing in UTF-8, and some editors write it.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { place = 3 }
    }

    mutating func document() throws(JSONError) -> JSONValue {
        let value = try value()
        skipSpace()
        guard place == bytes.count else { throw fault("there is more text after the end of the document") }
        return value
    }

    private mutating func value() throws(JSONError) -> JSONValue {
        skipSpace()
        guard place < bytes.count else { throw fault("the text ends where a value should be") }
        switch bytes[place] {
        case UInt8(ascii: "{"): return .object(try members())
        case UInt8(ascii: "["): return .array(try elements())
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default:
            if take("true") { return .bool(true) }
            if take("false") { return .bool(false) }
            if take("null") { return .null }
            throw fault("here should be a value")
        }
    }

    // MARK: - Containers

    private mutating func members() throws(JSONError) -> [String: JSONValue] {
        try enter()
        defer { depth -= 1 }
        var members: [String: JSONValue] = [:]
        skipSpace()
        if take("}") { return members }
        repeat {
            skipSpace()
            guard place < bytes.count, bytes[place] == UInt8(ascii: "\"") else {
                throw fault("here should be a name in double quotes")
            }
            let name = try string()
            skipSpace()
            guard take(":") else { throw fault("here should be a ':'") }
            members[name] = try value()
            skipSpace()
        } while take(",")
        guard take("}") else { throw fault("here should be a ',' or a '}'") }
        return members
    }

    private mutating func elements() throws(JSONError) -> [JSONValue] {
        try enter()
        defer { depth -= 1 }
        var elements: [JSONValue] = []
        skipSpace()
        if take("]") { return elements }
        repeat {
            elements.append(try value())
            skipSpace()
        } while take(",")
        guard take("]") else { throw fault("here should be a ',' or a ']'") }
        return elements
    }

    private mutating func enter() throws(JSONError) {
        guard depth < Self.depthLimit else { throw fault("it is nested more than \(Self.depthLimit) deep") }
        depth += 1
        place += 1
    }

    // MARK: - Strings

    private mutating func string() throws(JSONError) -> String {
        place += 1
        let start = place
        var text: [UInt8] = []
        while true {
            let end = plainEnd()
            text += bytes[place..<end]
            place = end
            guard place < bytes.count else { throw fault("the text ends inside a string") }
            let byte = bytes[place]
            guard byte >= 0x20 else { throw fault("a control character in a string must be escaped, as in \\n") }
            place += 1
            if byte == UInt8(ascii: "\"") { break }
            text.append(contentsOf: String(try escape()).utf8)
        }
        guard let string = String(validating: text, as: UTF8.self) else {
            place = start
            throw fault("this string is not UTF-8")
        }
        return string
    }

    /// Where the string goes on with something else than plain text: its end, an escape, or what may not be in it.
    ///
    /// Strings can have many megabytes, so this is the one loop that does without checks of its own.
    private func plainEnd() -> Int {
        bytes.withUnsafeBufferPointer { bytes in
            var place = place
            while place < bytes.count, bytes[place] >= 0x20, bytes[place] != 0x22, bytes[place] != 0x5C { place += 1 }
            return place
        }
    }

    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        guard place < bytes.count else { throw fault("the text ends inside a string") }
        place += 1
        switch bytes[place - 1] {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let first = try codeUnit()
            if let scalar = Unicode.Scalar(first) { return scalar }
            guard first < 0xDC00, take("\\u") else { throw fault("half a surrogate pair is no character") }
            let second = try codeUnit()
            guard (0xDC00...0xDFFF).contains(second),
                let scalar = Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
            else { throw fault("half a surrogate pair is no character") }
            return scalar
        default:
            place -= 1
            throw fault("this escape does not exist in JSON")
        }
    }

    private mutating func codeUnit() throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard place < bytes.count, let digit = Character(Unicode.Scalar(bytes[place])).hexDigitValue else {
                throw fault("'\\u' needs four hexadecimal digits")
            }
            value = value << 4 | UInt16(digit)
            place += 1
        }
        return value
    }

    // MARK: - Numbers

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = place
        _ = take("-")
        guard place < bytes.count, isDigit(bytes[place]) else { throw fault("here should be a digit") }
        if !take("0") { skipDigits() }
        if place < bytes.count, isDigit(bytes[place]) { throw fault("a number does not begin with 0") }
        if take(".") {
            guard skipDigits() else { throw fault("here should be a digit") }
        }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            guard skipDigits() else { throw fault("here should be a digit") }
        }
        let text = String(decoding: bytes[start..<place], as: UTF8.self)
        if let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else {
            place = start
            throw fault("the number \(text.prefix(40)) is too large")
        }
        // `1.0` is the integer 1, as long as a binary fraction holds every integer around it.
        if number.magnitude < 0x1p53, let integer = Int64(exactly: number) { return .integer(integer) }
        return .number(number)
    }

    @discardableResult private mutating func skipDigits() -> Bool {
        let start = place
        while place < bytes.count, isDigit(bytes[place]) { place += 1 }
        return place > start
    }

    private func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    // MARK: - Text

    private mutating func skipSpace() {
        while place < bytes.count, isSpace(bytes[place]) { place += 1 }
    }

    private func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    private mutating func take(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard place + count <= bytes.count else { return false }
        for offset in 0..<count where bytes[place + offset] != text.utf8Start[offset] { return false }
        place += count
        return true
    }

    /// What is wrong at the current place, in lines and columns from 1; a column is a code point.
    private func fault(_ reason: String) -> JSONError {
        let before = bytes[..<min(place, bytes.count)]
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let column = before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1
        return JSONError(message: "Line \(line), column \(column) is no JSON: \(reason)")
    }
}
