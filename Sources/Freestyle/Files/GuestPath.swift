/// A path in a machine that a request may name: absolute, of at most 4,096 characters, and without `..`.
struct GuestPath: Sendable, Hashable {
    static let longest = 4096

    let text: String

    init(_ text: String) throws {
        guard text.hasPrefix("/") else { throw FreestyleError.badRequest("'path' must be absolute, not '\(text)'") }
        guard text.utf8.count <= Self.longest else {
            throw FreestyleError.badRequest("'path' must have at most \(Self.longest) characters")
        }
        guard !text.utf8.contains(0) else { throw FreestyleError.badRequest("'path' must have no NUL") }
        let parts = text.split(separator: "/")
        guard !parts.contains("..") else { throw FreestyleError.badRequest("'path' must have no '..'") }
        self.text = "/" + parts.filter { $0 != "." }.joined(separator: "/")
    }

    /// A name beside it that nobody else has.
    func beside(_ suffix: String) -> String { "\(text).\(suffix)" }
}
