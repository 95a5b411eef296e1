import FoundationEssentials

/// What a sandbox holds in a secret's place: `martlet-secret-NAME`.
///
/// It is no secret, and whoever knows a name can write it: where the secret takes its place is for the rules to say. All of it
/// can stand in variables, addresses and files as it is. One that is part of a longer word of the same characters is none.
package struct Placeholder: Sendable, Hashable {
    package static let prefix = "martlet-secret-"
    /// As long as a secret's name may be.
    static let nameLimit = 128

    /// The name of the secret that it stands for.
    package let secret: String

    package init(_ secret: String) {
        self.secret = secret
    }

    package var text: String { Self.prefix + secret }

    /// Those in a field's value, also where it is `Basic` and they are in what is encoded.
    static func all(in value: String) -> Set<Placeholder> {
        let text = Basic(value)?.text ?? value
        guard text.utf8.contains(UInt8(ascii: "m")) else { return [] }
        return Set(
            pieces(of: text).compactMap { if case .placeholder(let placeholder) = $0 { placeholder } else { nil } }
        )
    }

    /// A field's value with `replacements` in their places.
    static func replace(in value: String, with replacements: [Placeholder: String]) -> String {
        func replaced(_ text: String) -> String {
            pieces(of: text).reduce(into: "") { result, piece in
                switch piece {
                case .text(let text): result += text
                case .placeholder(let placeholder): result += replacements[placeholder] ?? placeholder.text
                }
            }
        }
        guard let basic = Basic(value), !all(in: value).isDisjoint(with: replacements.keys) else {
            return replaced(value)
        }
        return basic.encoded(replaced(basic.text))
    }

    private enum Piece {
        case text(String)
        case placeholder(Placeholder)
    }

    private static func pieces(of text: String) -> [Piece] {
        let prefix = Array(Self.prefix.utf8)
        let bytes = Array(text.utf8)
        var pieces: [Piece] = []
        var (start, place) = (0, 0)
        while place < bytes.count {
            // A whole word at a time.
            let end = bytes[place...].firstIndex { !isOfName($0) } ?? bytes.count
            let name = bytes[place..<end].dropFirst(prefix.count)
            if !name.isEmpty, name.count <= nameLimit, bytes[place..<end].starts(with: prefix) {
                if start < place { pieces.append(.text(String(decoding: bytes[start..<place], as: UTF8.self))) }
                pieces.append(.placeholder(Placeholder(String(decoding: name, as: UTF8.self))))
                start = end
            }
            place = max(end, place + 1)
        }
        if start < bytes.count { pieces.append(.text(String(decoding: bytes[start...], as: UTF8.self))) }
        return pieces
    }

    /// Whether a secret's name can have it.
    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }

    /// The credentials of RFC 7617: a user and a password, encoded.
    private struct Basic {
        private let scheme: Substring
        let text: String

        init?(_ value: String) {
            guard value.utf8.count > 6, value.prefix(6).lowercased() == "basic " else { return nil }
            guard let data = Data(base64Encoded: String(value.dropFirst(6).filter { $0 != " " })),
                let text = String(validating: data, as: UTF8.self)
            else { return nil }
            scheme = value.prefix(6)
            self.text = text
        }

        func encoded(_ text: String) -> String { scheme + Data(text.utf8).base64EncodedString() }
    }
}
