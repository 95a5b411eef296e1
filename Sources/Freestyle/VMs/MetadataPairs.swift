/// The pairs that a listed machine's metadata must all have.
enum MetadataPairs {
    /// Reads `name:value,name:value`; a value may have colons.
    static func read(_ text: String?) throws -> [String: String] {
        guard let text else { return [:] }
        return try text.split(separator: ",").reduce(into: [:]) { pairs, part in
            guard let colon = part.firstIndex(of: ":"), colon > part.startIndex else {
                throw FreestyleError.badRequest("'metadata' must be pairs such as 'name:value,name:value'")
            }
            pairs[String(part[..<colon])] = String(part[part.index(after: colon)...])
        }
    }
}
