/// Whose a key is, and whose a sandbox is: everything that one owner's keys make can be used with each of them, and with no
/// other owner's.
///
/// An owner is a name and exists as long as it has a key. E2B's clients know it as a team.
package struct Owner: RawRepresentable, Codable, Sendable, Hashable, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    /// Who installed Martlet: whose local commands need no key, and who may also manage the daemon.
    package static let installation = Owner(rawValue: "local")

    /// - Returns: nil unless `name` is 1 to 63 lower-case letters, digits, dashes and underscores, a letter or digit first.
    package init?(named name: String) {
        let isName =
            (1...63).contains(name.utf8.count) && name.utf8.first != 0x2D && name.utf8.first != 0x5F
            && name.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x5F
            }
        guard isName else { return nil }
        rawValue = name
    }

    package var description: String { rawValue }
}
