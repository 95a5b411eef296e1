/// Rewrites an ECMA-262 regular expression (with the `u` flag) in the dialect of Swift's `Regex`.
///
/// The two agree on most of the grammar and differ in what is easily overlooked: `$` before a last line break, what `\s`
/// and `.` include, set operators inside brackets, `\cX`, surrogate pairs. Everything is written out anew, so nothing of the other
/// dialect gets through by accident; letters escaped without a meaning are refused, as ECMA does.
struct PatternTranslation {
    private var rest: ArraySlice<Unicode.Scalar>
    private let count: Int
    private var depth = 0
    /// Whether look-behind is read as look-ahead: enough to tell that an expression is one, and of no use to search with.
    private let readsOnly: Bool

    /// Longer or deeper than anyone writes by hand; the compiler behind it works by recursion.
    private static let lengthLimit = 10_000
    private static let depthLimit = 50

    private static let whitespace = #"\t\n\u{B}\f\r \u{A0}\u{FEFF}\u{2028}\u{2029}\p{Zs}"#

    init(_ source: String, readsOnly: Bool = false) {
        self.readsOnly = readsOnly
        rest = Array(source.unicodeScalars)[...]
        count = rest.count
    }

    mutating func translate() throws(Pattern.Refusal) -> String {
        guard count <= Self.lengthLimit else {
            throw Pattern.Refusal(message: "it is longer than \(Self.lengthLimit) characters")
        }
        let text = try alternatives()
        if rest.first == ")" { throw refusal("')' closes nothing") }
        return text
    }

    private func refusal(_ message: String) -> Pattern.Refusal {
        Pattern.Refusal(message: "\(message) (at character \(count - rest.count + 1))")
    }

    private mutating func take(_ text: String) -> Bool {
        guard rest.starts(with: text.unicodeScalars) else { return false }
        rest = rest.dropFirst(text.unicodeScalars.count)
        return true
    }

    // MARK: - Terms

    private mutating func alternatives() throws(Pattern.Refusal) -> String {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthLimit else { throw refusal("groups are nested more than \(Self.depthLimit) deep") }
        var text = ""
        while let next = rest.first, next != ")" {
            if take("|") {
                text += "|"
            } else {
                text += try term()
            }
        }
        return text
    }

    private mutating func term() throws(Pattern.Refusal) -> String {
        if take("^") { return #"\A"# }
        if take("$") { return #"\z"# }
        if take(#"\b"#) { return #"\b"# }
        if take(#"\B"#) { return #"\B"# }
        if let quantifier = try quantifier() { throw refusal("'\(quantifier)' has nothing to repeat") }
        let atom = try atom()
        return atom + (try quantifier() ?? "")
    }

    private mutating func atom() throws(Pattern.Refusal) -> String {
        if take("(") { return try group() }
        if take("[") { return try set() }
        if take(".") { return #"[^\n\r\u{2028}\u{2029}]"# }
        if take("\\") { return try escape(inSet: false) }
        guard let scalar = rest.popFirst() else { throw refusal("it ends too early") }
        return Self.literal(scalar)
    }

    private mutating func group() throws(Pattern.Refusal) -> String {
        var opening = "("
        if take("?<=") || take("?<!") {
            guard readsOnly else { throw refusal("look-behind is not supported") }
            opening = "(?="
        } else if take("?<") {
            opening = "(?<\(try name())>"
        } else if take("?:") {
            opening = "(?:"
        } else if take("?=") {
            opening = "(?="
        } else if take("?!") {
            opening = "(?!"
        } else if rest.first == "?" {
            throw refusal("'(?' is followed by neither ':', '=', '!' nor a name")
        }
        let text = try alternatives()
        guard take(")") else { throw refusal("a '(' is not closed") }
        return opening + text + ")"
    }

    private mutating func name() throws(Pattern.Refusal) -> String {
        var name = ""
        while let scalar = rest.popFirst(), scalar != ">" {
            guard scalar.isASCII, scalar.properties.isAlphabetic || scalar == "_" || ("0"..."9").contains(scalar) else {
                throw refusal("a group's name may hold letters, digits and '_'")
            }
            name.unicodeScalars.append(scalar)
        }
        guard let first = name.unicodeScalars.first, !("0"..."9").contains(first) else {
            throw refusal("a group's name begins with a letter or '_'")
        }
        return name
    }

    private mutating func quantifier() throws(Pattern.Refusal) -> String? {
        var text: String
        if take("*") {
            text = "*"
        } else if take("+") {
            text = "+"
        } else if take("?") {
            text = "?"
        } else if let range = try range() {
            text = range
        } else {
            return nil
        }
        if take("?") { text += "?" }
        return text
    }

    /// `{2}`, `{2,}` or `{2,3}`; nil when a brace is only a brace.
    private mutating func range() throws(Pattern.Refusal) -> String? {
        guard rest.first == "{", let end = rest.firstIndex(of: "}") else { return nil }
        let body = String(String.UnicodeScalarView(rest[rest.index(after: rest.startIndex)..<end]))
        let parts = body.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
        guard let lower = parts.first, !lower.isEmpty, parts.allSatisfy({ $0.utf8.allSatisfy(\.isASCIIDigit) }) else {
            return nil
        }
        rest = rest[rest.index(after: end)...]
        let limits = parts.map { Int($0) }
        if parts.count == 2, !parts[1].isEmpty, let low = limits[0], let high = limits[1], low > high {
            throw refusal("the numbers of '{\(body)}' are in the wrong order")
        }
        return "{\(body)}"
    }

    // MARK: - Sets

    private mutating func set() throws(Pattern.Refusal) -> String {
        let isNegated = take("^")
        var text = ""
        while !take("]") {
            guard !rest.isEmpty else { throw refusal("a '[' is not closed") }
            let (low, lowText) = try member()
            guard rest.first == "-", rest.dropFirst().first != "]", rest.count > 1 else {
                text += lowText
                continue
            }
            _ = take("-")
            let (high, highText) = try member()
            guard let low, let high else {
                // A class begins or ends no range; browsers then read the '-' as itself, and so do the people who write it.
                text += lowText + Self.literal("-") + highText
                continue
            }
            guard low <= high else {
                throw refusal("a range inside '[…]' must go from one character to a later one")
            }
            text += "\(lowText)-\(highText)"
        }
        // ECMA has an empty set, which matches nothing, and its opposite.
        if text.isEmpty { return isNegated ? #"[\u{0}-\u{10FFFF}]"# : "(?!)" }
        return (isNegated ? "[^" : "[") + text + "]"
    }

    /// One member of a set: its scalar when it can begin or end a range, and its text.
    private mutating func member() throws(Pattern.Refusal) -> (Unicode.Scalar?, String) {
        guard let scalar = rest.popFirst() else { throw refusal("a '[' is not closed") }
        guard scalar == "\\" else { return (scalar, Self.literal(scalar)) }
        if let scalar = try characterEscape(inSet: true) { return (scalar, Self.literal(scalar)) }
        return (nil, try escape(inSet: true))
    }

    // MARK: - Escapes

    /// What follows a backslash.
    private mutating func escape(inSet: Bool) throws(Pattern.Refusal) -> String {
        if let scalar = try characterEscape(inSet: inSet) { return Self.literal(scalar) }
        guard let letter = rest.popFirst() else { throw refusal("'\\' is followed by nothing") }
        switch letter {
        case "d", "D", "w", "W": return "\\" + String(letter)
        case "s": return inSet ? Self.whitespace : "[\(Self.whitespace)]"
        case "S": return "[^\(Self.whitespace)]"
        case "p", "P":
            guard take("{"), let end = rest.firstIndex(of: "}") else {
                throw refusal("'\\\(letter)' needs a '{property}'")
            }
            let property = String(String.UnicodeScalarView(rest[..<end]))
            rest = rest[rest.index(after: end)...]
            let isName = property.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || "_=".utf8.contains($0) }
            guard isName, !property.isEmpty else { throw refusal("'\(property)' is no property of characters") }
            return "\\\(letter){\(property)}"
        case "k" where !inSet:
            guard take("<") else { throw refusal("'\\k' needs a '<name>'") }
            return "\\k<\(try name())>"
        case "1"..."9" where !inSet:
            var digits = String(letter)
            while let digit = rest.first, ("0"..."9").contains(digit) {
                digits.unicodeScalars.append(digit)
                rest = rest.dropFirst()
            }
            return "(?:\\\(digits))"
        default:
            throw refusal("'\\\(letter)' means nothing")
        }
    }

    /// The character an escape stands for; nil, with nothing read, when it stands for no single one.
    private mutating func characterEscape(inSet: Bool) throws(Pattern.Refusal) -> Unicode.Scalar? {
        guard let letter = rest.first else { return nil }
        let simple: [Unicode.Scalar: Unicode.Scalar] = ["t": "\t", "n": "\n", "v": "\u{B}", "f": "\u{C}", "r": "\r"]
        if let scalar = simple[letter] {
            rest = rest.dropFirst()
            return scalar
        }
        switch letter {
        case "b" where inSet:
            rest = rest.dropFirst()
            return "\u{8}"
        case "0":
            rest = rest.dropFirst()
            if let digit = rest.first, ("0"..."9").contains(digit) { throw refusal("octal escapes are not allowed") }
            return "\0"
        case "c":
            guard let control = rest.dropFirst().first, control.isASCII, UInt8(control.value).isASCIILetter else {
                throw refusal("'\\c' needs a letter")
            }
            rest = rest.dropFirst(2)
            return Unicode.Scalar(UInt8(control.value & 31))
        case "x":
            rest = rest.dropFirst()
            return Unicode.Scalar(try hexDigits(2))
        case "u":
            rest = rest.dropFirst()
            return try unicodeEscape()
        default:
            // The characters of the syntax may be escaped, and '-', '#', quotes and their like by custom.
            guard letter.isASCII, !letter.properties.isAlphabetic, !("0"..."9").contains(letter), letter != "_" else {
                return nil
            }
            rest = rest.dropFirst()
            return letter
        }
    }

    private mutating func unicodeEscape() throws(Pattern.Refusal) -> Unicode.Scalar {
        if take("{") {
            guard let end = rest.firstIndex(of: "}"),
                let value = UInt32(String(String.UnicodeScalarView(rest[..<end])), radix: 16),
                let scalar = Unicode.Scalar(value)
            else { throw refusal("'\\u{…}' holds no code point") }
            rest = rest[rest.index(after: end)...]
            return scalar
        }
        let first = try hexDigits(4)
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, take("\\u") else { throw refusal("half a surrogate pair is no character") }
        let second = try hexDigits(4)
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw refusal("half a surrogate pair is no character") }
        return scalar
    }

    private mutating func hexDigits(_ count: Int) throws(Pattern.Refusal) -> UInt32 {
        let digits = rest.prefix(count)
        guard digits.count == count, digits.allSatisfy(\.properties.isASCIIHexDigit),
            let value = UInt32(String(String.UnicodeScalarView(digits)), radix: 16)
        else { throw refusal("an escape needs \(count) hexadecimal digits") }
        rest = rest.dropFirst(count)
        return value
    }

    /// `scalar` as itself, in both places where it can stand.
    private static func literal(_ scalar: Unicode.Scalar) -> String {
        if scalar.isASCII, scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) { return String(scalar) }
        return "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    }
}
