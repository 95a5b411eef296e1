/// Words of an instruction, as Docker reads them.
enum DockerfileWords {
    /// Splits at blanks that are not quoted, and takes the quotes away. What is in single quotes keeps its dollars.
    static func split(_ text: String) -> [String]? {
        var words: [String] = []
        var word = ""
        var isInWord = false
        var quote: Character?
        var rest = text[...]
        while let character = rest.popFirst() {
            if let open = quote {
                if character == open {
                    quote = nil
                } else if character == "\\", open == "\"", let next = rest.first, "\"\\$".contains(next) {
                    if next == "$" { word.append("\\") }
                    word.append(rest.removeFirst())
                } else {
                    if open == "'", character == "$" { word.append("\\") }
                    word.append(character)
                }
            } else if character.isWhitespace {
                if isInWord { words.append(word) }
                (word, isInWord) = ("", false)
            } else {
                isInWord = true
                if character == "'" || character == "\"" {
                    quote = character
                } else if character == "\\", let next = rest.popFirst() {
                    if next == "$" { word.append("\\") }
                    word.append(next)
                } else {
                    word.append(character)
                }
            }
        }
        guard quote == nil else { return nil }
        if isInWord { words.append(word) }
        return words
    }

    /// Takes `--name=value` off the front.
    static func takeFlags(_ text: inout String) -> [(name: String, value: String)] {
        var flags: [(String, String)] = []
        var rest = text[...]
        while rest.hasPrefix("--") {
            let word = rest.prefix { !$0.isWhitespace }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            flags.append((parts.first.map(String.init) ?? "", parts.count > 1 ? String(parts[1]) : ""))
            rest = rest.dropFirst(word.count).drop { $0.isWhitespace }
        }
        text = String(rest)
        return flags
    }

    /// The strings of `["a", "b"]`; nil for what is not of this form.
    static func list(_ text: String) -> [String]? {
        guard text.hasPrefix("["), text.hasSuffix("]") else { return nil }
        var words: [String] = []
        var rest = text.dropFirst().dropLast()[...].drop { $0.isWhitespace }
        if rest.isEmpty { return [] }
        while true {
            guard let word = takeString(&rest) else { return nil }
            words.append(word)
            rest = rest.drop { $0.isWhitespace }
            if rest.isEmpty { return words }
            guard rest.popFirst() == "," else { return nil }
            rest = rest.drop { $0.isWhitespace }
        }
    }

    private static func takeString(_ rest: inout Substring) -> String? {
        guard rest.popFirst() == "\"" else { return nil }
        var word = ""
        while let character = rest.popFirst() {
            switch character {
            case "\"": return word
            case "\\":
                guard let next = rest.popFirst() else { return nil }
                switch next {
                case "n": word.append("\n")
                case "t": word.append("\t")
                case "r": word.append("\r")
                case "b": word.append("\u{8}")
                case "f": word.append("\u{C}")
                case "\"", "\\", "/": word.append(next)
                case "u":
                    let digits = rest.prefix(4)
                    guard digits.count == 4, digits.allSatisfy({ $0.isASCII && $0.isHexDigit }),
                        let number = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(number), number != 0
                    else { return nil }
                    word.unicodeScalars.append(scalar)
                    rest = rest.dropFirst(4)
                default: return nil
                }
            default: word.append(character)
            }
        }
        return nil
    }

    /// A word that a shell reads as just this.
    static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "_-./:=@%+,".utf8.contains(byte)
            }
        if isPlain { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
