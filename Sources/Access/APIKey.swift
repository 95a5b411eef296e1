import FoundationEssentials
import Linux
import Wire

/// What may be told about a key: everything but the key.
package struct APIKey: Sendable, Hashable {
    package let id: String
    package let owner: Owner
    package var name: String
    package let mask: Mask
    package let created: Date
    package var lastUsed: Date?
    /// Whether it is the one in the file `api-key`, for the installation's local user.
    package let isInstallations: Bool
    /// What models may cost that are used with it.
    package var budget = KeyBudget()

    /// Enough of a key for people to tell it from their others, and far too little to guess the rest.
    package struct Mask: Sendable, Hashable {
        package static let prefix = "e2b_"
        /// How many digits follow the prefix.
        package static let digits = 40

        package let beginning: String
        package let ending: String

        init(beginning: String, ending: String) {
            self.beginning = beginning
            self.ending = ending
        }

        init(of key: String) {
            beginning = String(key.dropFirst(Self.prefix.count).prefix(2))
            ending = String(key.suffix(4))
        }
    }

    /// A new key, in the one form that every version of E2B's clients accepts.
    static func makeSecret() -> Secret {
        Secret(Mask.prefix + Random.hex(Mask.digits / 2))
    }

    /// Whether `text` looks like a key at all.
    package static func isWellFormed(_ text: String) -> Bool {
        text.hasPrefix(Mask.prefix) && text.utf8.count == Mask.prefix.utf8.count + Mask.digits
            && text.utf8.dropFirst(Mask.prefix.utf8.count).allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte)
            }
    }
}
