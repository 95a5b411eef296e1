/// A field's value with secrets in it, by their names.
struct HeaderValue: Sendable, Hashable {
    enum Part: Sendable, Hashable {
        case text(String)
        case secret(String)
        /// The secret that may take its placeholder's place; stands alone.
        case placeholder(String)
    }

    let parts: [Part]

    /// Nil for what could end the field, for a secret without a name or an end, and for a placeholder with anything beside it.
    init?(_ text: String) {
        guard Self.isSafe(text) else { return nil }
        var parts: [Part] = []
        var rest = text[...]
        while let mark = Self.firstMark(in: rest) {
            if mark.range.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<mark.range.lowerBound]))) }
            let name = rest[mark.range.upperBound...].prefix { $0 != "}" }
            guard !name.isEmpty, name.endIndex < rest.endIndex else { return nil }
            parts.append(mark.part(String(name)))
            rest = rest[rest.index(after: name.endIndex)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
        guard parts.count == 1 || !parts.contains(where: { if case .placeholder = $0 { true } else { false } }) else {
            return nil
        }
    }

    private static func firstMark(
        in text: Substring
    ) -> (range: Range<Substring.Index>, part: @Sendable (String) -> Part)? {
        let secret = text.firstRange(of: "${secret:").map { (range: $0, part: Part.secret) }
        let placeholder = text.firstRange(of: "${placeholder:").map { (range: $0, part: Part.placeholder) }
        guard let secret else { return placeholder }
        guard let placeholder, placeholder.range.lowerBound < secret.range.lowerBound else { return secret }
        return placeholder
    }

    /// The name of the secret, where it is about a placeholder.
    var placeholder: String? { if case .placeholder(let name)? = parts.first { name } else { nil } }

    /// The names of the secrets that it may bring out.
    var secrets: [String] {
        parts.compactMap { part in
            switch part {
            case .text: nil
            case .secret(let name), .placeholder(let name): name
            }
        }
    }

    var hasSecret: Bool { !secrets.isEmpty }

    static func isSafe(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F }
    }
}
