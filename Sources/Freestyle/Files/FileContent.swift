/// The content of a file in a document.
enum FileContent {
    static let limit = 32 * 1024 * 1024

    /// The bytes of a document's `content`, in its `encoding`.
    static func bytes(_ members: Members) throws -> [UInt8] {
        let bytes: [UInt8]
        switch try members.string("encoding")?.lowercased() {
        case nil, "utf8", "utf-8": bytes = Array(try members.text("content").utf8)
        case "base64":
            guard let content = try members.base64("content") else {
                throw FreestyleError.badRequest("'content' is missing")
            }
            bytes = content
        case let encoding?: throw FreestyleError.badRequest("'encoding' must be 'utf8' or 'base64', not '\(encoding)'")
        }
        guard bytes.count <= limit else {
            throw FreestyleError(413, .payloadTooLarge, "'content' has at most \(limit) bytes; send more as they are")
        }
        return bytes
    }
}
