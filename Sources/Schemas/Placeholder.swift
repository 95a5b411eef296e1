/// Text that stands where an answer should be.
enum Placeholder {
    private static let words: Set<String> = [
        "test", "testing", "test string", "string", "a string", "todo", "to do", "tbd", "tba", "fixme", "n/a",
        "placeholder", "placeholder text", "example", "example text", "sample", "sample text", "dummy", "foo", "bar",
        "baz", "foobar", "foo bar", "foo bar baz", "asdf", "qwerty", "xxx", "lorem ipsum",
    ]

    static func isPlaceholder(_ text: String) -> Bool {
        let plain = plain(text)
        if plain.isEmpty { return isFiller(text) }
        return words.contains(plain) || plain.hasPrefix("lorem ipsum ")
    }

    /// `text` without case, without the brackets, quotes and stops around it, and with one space between words.
    static func plain(_ text: String) -> String {
        let words = text.lowercased().split { $0.isWhitespace || $0 == "_" || $0 == "-" }.joined(separator: " ")
        let ends = Set("<>[](){}\"'`*.…:!? ")
        let start = words.firstIndex { !ends.contains($0) } ?? words.endIndex
        let end = words.lastIndex { !ends.contains($0) }.map { words.index(after: $0) } ?? start
        return String(words[start..<end])
    }

    /// Whether `text` is only dots, dashes and question marks, as in `...`; a single `-` may be a value.
    private static func isFiller(_ text: String) -> Bool {
        let marks = text.filter { !$0.isWhitespace }
        return marks.allSatisfy { "….?-_".contains($0) } && marks != "-" && marks != "_"
    }
}
