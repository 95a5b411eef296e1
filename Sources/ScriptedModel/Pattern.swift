/// A regular expression of a script, in Swift's syntax; `^` and `$` match at line ends.
///
/// Kept as its source and compiled for each use, because a compiled `Regex` can not be shared between tasks.
struct Pattern: Sendable {
    let source: String

    init(_ source: String) throws {
        self.source = source
        _ = try Self.compile(source)
    }

    private static func compile(_ source: String) throws -> Regex<AnyRegexOutput> {
        // By scalars, not by characters: tool output is lines of a program, where `\r\n` must not be one unit.
        try Regex(source).anchorsMatchLineEndings().matchingSemantics(.unicodeScalar)
    }

    /// What each match captured: its first group that took part, or else the whole match.
    func matches(in text: String) -> [String] {
        guard let regex = try? Self.compile(source) else { return [] }
        return text.matches(of: regex).map { match in
            let group = match.output.dropFirst().lazy.compactMap(\.substring).first
            return String(group ?? text[match.range])
        }
    }

    func isFound(in text: String) -> Bool {
        guard let regex = try? Self.compile(source) else { return false }
        return text.firstMatch(of: regex) != nil
    }
}
