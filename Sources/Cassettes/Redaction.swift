import FoundationEssentials
import Linux
import Wire

/// Takes secrets out of what is kept: those that this host knows, in the forms that they are seen in, and whatever looks like one.
package struct Redaction: Sendable {
    /// What keys and tokens of well-known services begin with.
    private static let prefixes = [
        "sk-ant-", "sk-proj-", "e2b_", "ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "xoxb-", "xoxp-",
        "xapp-", "npm_",
        "pypi-", "hf_", "AKIA", "ASIA", "AIza", "ya29.", "sk_live_", "rk_live_",
    ].map { Array($0.utf8) }
    private static let tokenMinimum = 12

    private static let keyBegin = "-----BEGIN "
    private static let keyMark = "PRIVATE KEY-----"

    private struct Known: Sendable {
        let mark: String
        let forms: [String]
    }

    private let known: [Known]
    private static let firstBytes = Set(prefixes.compactMap(\.first))

    /// - Parameter secrets: by the names that take their places. Shorter than eight bytes, a text is too common to be taken out.
    package init(_ secrets: [String: Secret] = [:]) {
        known = secrets.sorted { $0.key < $1.key }.compactMap { name, secret in
            secret.exposed { value in
                guard value.utf8.count >= 8 else { return nil }
                return Known(mark: "‹secret \(name)›", forms: Self.forms(of: value))
            }
        }
    }

    /// As it is, inside JSON, twice inside JSON, inside a URL, and in base64 at each of the three places where it can begin.
    private static func forms(of value: String) -> [String] {
        func escaped(_ text: String) -> String { String(JSONValue.string(text).text().dropFirst().dropLast()) }
        var forms = [value, escaped(value), escaped(escaped(value))]
        forms.append(
            value.utf8.map { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: String(UnicodeScalar(byte))
                default: "%" + Random.hex([byte]).uppercased()
                }
            }.joined()
        )
        for offset in 0..<3 {
            let padded = [UInt8](repeating: 0, count: offset) + Array(value.utf8)
            let text = Data(padded).base64EncodedString()
            // Only the digits that are made of the secret alone.
            let first = offset == 0 ? 0 : offset + 1
            let whole = padded.count / 3 * 4
            let inside = String(text.prefix(whole).dropFirst(first))
            if inside.count >= 8 { forms.append(inside) }
        }
        var seen: Set<String> = []
        return forms.filter { seen.insert($0).inserted }.sorted { $0.utf8.count > $1.utf8.count }
    }

    package func callAsFunction(_ value: JSONValue) -> JSONValue {
        switch value {
        case .null, .bool, .integer, .number: return value
        case .string(let text): return .string(self(text))
        case .array(let elements): return .array(elements.map { self($0) })
        case .object(let members):
            var redacted: [String: JSONValue] = [:]
            for (name, member) in members { redacted[self(name)] = self(member) }
            return .object(redacted)
        }
    }

    package func callAsFunction(_ text: String) -> String {
        var text = text
        for secret in known {
            for form in secret.forms where text.contains(form) { text = text.replacing(form, with: secret.mark) }
        }
        return withoutTokens(withoutPrivateKeys(text))
    }

    private func withoutTokens(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var kept: [UInt8] = []
        var place = 0
        var hasChanged = false
        while place < bytes.count {
            if Self.firstBytes.contains(bytes[place]), place == 0 || !Self.isToken(bytes[place - 1]),
                let end = Self.token(bytes, place)
            {
                kept += "‹secret›".utf8
                place = end
                hasChanged = true
            } else {
                kept.append(bytes[place])
                place += 1
            }
        }
        return hasChanged ? String(decoding: kept, as: UTF8.self) : text
    }

    private static func token(_ bytes: [UInt8], _ start: Int) -> Int? {
        for prefix in prefixes where bytes[start...].starts(with: prefix) {
            let rest = bytes[(start + prefix.count)...].prefix { isToken($0) }
            if rest.count >= tokenMinimum { return rest.endIndex }
        }
        return nil
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
        default: false
        }
    }

    private func withoutPrivateKeys(_ text: String) -> String {
        guard text.contains(Self.keyMark) else { return text }
        var kept = ""
        var rest = text[...]
        while let begin = rest.firstRange(of: Self.keyBegin) {
            kept += rest[..<begin.lowerBound]
            let key = rest[begin.lowerBound...]
            guard let mark = key.firstRange(of: Self.keyMark), key[..<mark.lowerBound].count < 60 else {
                kept += Self.keyBegin
                rest = rest[begin.upperBound...]
                continue
            }
            kept += "‹secret›"
            let body = key[mark.upperBound...]
            // Without an end, all that follows may be the key.
            rest = body.firstRange(of: Self.keyMark).map { body[$0.upperBound...] } ?? ""
        }
        return kept + rest
    }
}
