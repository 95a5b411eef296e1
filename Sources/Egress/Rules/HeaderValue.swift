import Linux

/// A field's value with secrets in it, by their names.
package struct HeaderValue: Sendable, Hashable {
    /// Why a value can not be had.
    package enum Unrevealed: Error, Sendable, Hashable {
        /// There is no secret of this name.
        case missing(String)
        /// A secret has a control character: one that ends the field would be a request of its own.
        case unsafe
    }

    enum Part: Sendable, Hashable {
        case text(String)
        case secret(String)
        /// The secret that may take its placeholder's place; stands alone.
        case placeholder(String)
    }

    let parts: [Part]

    /// Nil for what could end the field, for a secret without a name or an end, and for a placeholder with anything beside it.
    package init?(_ text: String) {
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
    package var placeholder: String? { if case .placeholder(let name)? = parts.first { name } else { nil } }

    /// The names of the secrets that it may bring out.
    package var secrets: [String] {
        parts.compactMap { part in
            switch part {
            case .text: nil
            case .secret(let name), .placeholder(let name): name
            }
        }
    }

    var hasSecret: Bool { !secrets.isEmpty }

    /// The text with its secrets in it, each of which `secret` gives by its name.
    func text<Failure: Error>(with secret: (String) throws(Failure) -> String) throws(Failure) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .text(let plain): text += plain
            case .secret(let name), .placeholder(let name): text += try secret(name)
            }
        }
        return text
    }

    /// The same, where secrets have to be asked for.
    package func revealed(by secret: (String) async throws -> Secret) async throws(Unrevealed) -> String {
        var known: [String: Secret] = [:]
        for name in secrets { known[name] = try? await secret(name) }
        let text = try text { name throws(Unrevealed) in
            guard let secret = known[name] else { throw .missing(name) }
            return secret.exposed { $0 }
        }
        guard Self.isSafe(text) else { throw .unsafe }
        return text
    }

    static func isSafe(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F }
    }
}
