import Synchronization

/// A regular expression of ECMA-262, searched for anywhere in a string.
///
/// Matching is by code points. Look-behind is not supported and is refused. An expression that backtracks without end
/// does so here too.
///
/// *Concurrency*: a `Regex` is not `Sendable`, since one made from a builder may hold any closure; so it lives behind a
/// lock, which is held while it searches.
final class Pattern: Sendable {
    let source: String
    private let regex: Mutex<Regex<AnyRegexOutput>>

    /// Why a text is no regular expression.
    struct Refusal: Error {
        let message: String
    }

    /// Whether `source` is a regular expression, be it one that can be searched with here or not.
    static func isPattern(_ source: String) -> Bool {
        var translation = PatternTranslation(source, readsOnly: true)
        return (try? translation.translate()).map { (try? Regex($0)) != nil } ?? false
    }

    init(_ source: String) throws(Refusal) {
        var translation = PatternTranslation(source)
        let translated = try translation.translate()
        do {
            regex = Mutex(
                try Regex(translated).matchingSemantics(.unicodeScalar).asciiOnlyDigits().asciiOnlyWordCharacters()
            )
        } catch {
            throw Refusal(message: "\(error)")
        }
        self.source = source
    }

    func matches(in text: String) -> Bool {
        regex.withLock { text.firstMatch(of: $0) != nil }
    }
}
