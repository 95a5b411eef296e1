import Wire

/// What a request to the Messages API says about its own cost, read without building the rest of it.
struct RequestFacts: Sendable, Hashable {
    /// The request is not what it should be, or says two things at once.
    struct Unclear: Error, Sendable {
        let message: String
    }

    /// What the price of a request depends on, besides its model and length.
    struct Terms: Sendable, Hashable {
        var isFast = false
        /// Whether input may be written to a cache, and to one that is kept for an hour.
        var mayCache = false
        var mayCacheForAnHour = false
        var geography: String?
    }

    private(set) var model: String?
    private(set) var maxTokens: Int?
    /// Where the digits of `max_tokens` stand.
    private(set) var maxTokensPlace: Range<Int>?
    private(set) var thinkingBudget: Int?
    private(set) var terms = Terms()
    /// Bytes of strings that hold pictures and documents, which cost by their size on paper.
    private(set) var mediaBytes = 0
    private(set) var byteCount: Int

    private static let wanted: Set<String> = ["model", "max_tokens", "thinking", "speed", "inference_geo"]
    /// Tokens per byte of English, code and JSON, where nothing was learned yet.
    private static let usualDensity = 0.35
    private static let valueLimit = 64 * 1024

    init(_ bytes: [UInt8]) throws(Unclear) {
        byteCount = bytes.count
        var scan = Scan(bytes)
        var seen: Set<String> = []
        try scan.expect(0x7B)
        if scan.take(0x7D) {
            try scan.end()
            return
        }
        repeat {
            let name = try scan.name()
            try scan.expect(0x3A)
            let value = try scan.value()
            guard Self.wanted.contains(name) else { continue }
            // Of two, the upstream might mean the other one.
            guard seen.insert(name).inserted else { throw Unclear(message: "The request has two '\(name)'") }
            guard value.count <= Self.valueLimit else { throw Unclear(message: "'\(name)' is too long") }
            try take(name, bytes[value], at: value)
        } while scan.take(0x2C)
        try scan.expect(0x7D)
        try scan.end()
        mediaBytes = scan.mediaBytes
        terms.mayCache = scan.hasCacheControl
        terms.mayCacheForAnHour = scan.hasHour
    }

    private mutating func take(_ name: String, _ bytes: ArraySlice<UInt8>, at place: Range<Int>) throws(Unclear) {
        guard let value = try? JSONValue(parsing: bytes) else {
            throw Unclear(message: "'\(name)' is malformed")
        }
        switch name {
        case "model":
            model = value.string
        case "max_tokens":
            guard let count = value.integer, (1...10_000_000).contains(count) else {
                throw Unclear(message: "'max_tokens' is no number of tokens")
            }
            maxTokens = Int(count)
            maxTokensPlace = place
        case "thinking":
            thinkingBudget = value["budget_tokens"]?.integer.flatMap { Int(exactly: $0) }
        case "speed":
            terms.isFast = value.string == "fast"
        default:
            terms.geography = value.string
        }
    }

    /// How many tokens of input the request has at most, for nearly all there are.
    ///
    /// - Parameter perByte: what the last requests had, if there were any.
    func inputBound(perByte: Double?) -> Int {
        let text = Double(byteCount - mediaBytes) * (perByte.map { min($0 * 1.2, 1) } ?? Self.usualDensity)
        // A picture has some thousands of tokens at most; a page of a document as many.
        return Int(text) + mediaBytes / 16 + 16
    }
}

/// Walks through JSON without keeping it.
private struct Scan {
    private let bytes: [UInt8]
    private var place = 0
    private(set) var mediaBytes = 0
    private(set) var hasCacheControl = false
    private(set) var hasHour = false
    /// Whether the last string was the name `data`, behind which pictures stand.
    private var isBehindData = false

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    private static let broken = RequestFacts.Unclear(message: "The request is not one JSON object")

    private mutating func skipSpace() {
        while place < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[place]) { place += 1 }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard place < bytes.count, bytes[place] == byte else { return false }
        place += 1
        return true
    }

    mutating func expect(_ byte: UInt8) throws(RequestFacts.Unclear) {
        guard take(byte) else { throw Self.broken }
    }

    mutating func end() throws(RequestFacts.Unclear) {
        skipSpace()
        guard place == bytes.count else { throw Self.broken }
    }

    /// A member's name, with its escapes resolved: `"\u006dodel"` is `model` to the upstream, too.
    mutating func name() throws(RequestFacts.Unclear) -> String {
        skipSpace()
        let start = place
        guard place < bytes.count, bytes[place] == 0x22 else { throw Self.broken }
        try skipString()
        guard let name = try? JSONValue(parsing: bytes[start..<place]).string else { throw Self.broken }
        return name
    }

    /// Passes over a value, and says where it stands.
    mutating func value() throws(RequestFacts.Unclear) -> Range<Int> {
        skipSpace()
        let start = place
        var depth = 0
        repeat {
            guard place < bytes.count else { throw Self.broken }
            switch bytes[place] {
            case 0x22: try skipString()
            case 0x7B, 0x5B:
                depth += 1
                place += 1
            case 0x7D, 0x5D:
                depth -= 1
                place += 1
            case 0x20, 0x0A, 0x0D, 0x09, 0x2C, 0x3A:
                guard depth > 0 else { throw Self.broken }
                place += 1
            default:
                while place < bytes.count, !Self.endsScalar(bytes[place]) { place += 1 }
            }
        } while depth > 0
        guard depth == 0, place > start else { throw Self.broken }
        return start..<place
    }

    private static func endsScalar(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x20, 0x0A, 0x0D, 0x09, 0x2C, 0x3A, 0x22, 0x5B, 0x5D, 0x7B, 0x7D: true
        default: false
        }
    }

    private mutating func skipString() throws(RequestFacts.Unclear) {
        let start = place + 1
        place += 1
        while place < bytes.count, bytes[place] != 0x22 { place += bytes[place] == 0x5C ? 2 : 1 }
        guard place < bytes.count else { throw Self.broken }
        let count = place - start
        if isBehindData, count > 4096 { mediaBytes += count }
        if count == 13, bytes[start..<place].elementsEqual("cache_control".utf8) { hasCacheControl = true }
        if count == 2, bytes[start..<place].elementsEqual("1h".utf8) { hasHour = true }
        isBehindData = count == 4 && bytes[start..<place].elementsEqual("data".utf8)
        place += 1
    }
}
