/// A name of an owner's own for a machine, usable wherever its id is.
enum Slug {
    /// - Throws: ``FreestyleError`` with status 400 unless it is 1 to 63 lower-case letters, digits and dashes.
    static func checked(_ text: String) throws -> String {
        let isSlug =
            (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
        guard isSlug else {
            throw FreestyleError.badRequest(
                "'slug' must be 1 to 63 lower-case letters, digits and dashes, not '\(text)'"
            )
        }
        return text
    }
}
