/// A field's value with secrets in it, by their names.
struct HeaderValue: Sendable, Hashable {
    enum Part: Sendable, Hashable {
        case text(String)
        case secret(String)
    }

    let parts: [Part]

    /// Nil for what could end the field, and for a secret without a name or an end.
    init?(_ text: String) {
        guard Self.isSafe(text) else { return nil }
        var parts: [Part] = []
        var rest = text[...]
        while let start = rest.firstRange(of: "${secret:") {
            if start.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<start.lowerBound]))) }
            let name = rest[start.upperBound...].prefix { $0 != "}" }
            guard !name.isEmpty, name.endIndex < rest.endIndex else { return nil }
            parts.append(.secret(String(name)))
            rest = rest[rest.index(after: name.endIndex)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
    }

    var hasSecret: Bool {
        parts.contains { if case .secret = $0 { true } else { false } }
    }

    static func isSafe(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F }
    }
}
