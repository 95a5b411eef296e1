/// The pairs that a listed sandbox's metadata must all have.
///
/// In the query they are encoded twice over: each name and value, then all of them together. Clients encode special
/// characters once more, which an undecoded rest shows; plain text survives any number of decodings.
struct MetadataFilter: Sendable, Hashable {
    private(set) var pairs: [String: String] = [:]

    /// - Parameter text: the query's value, decoded as any other.
    init(_ text: String?) throws {
        guard let text else { return }
        guard let joined = Query.unescape(text) else { throw Self.malformed }
        for part in joined.split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let name = Query.unescape(pair[0]), let value = Query.unescape(pair.count > 1 ? pair[1] : "") else {
                throw Self.malformed
            }
            pairs[name] = value
        }
    }

    func accepts(_ metadata: [String: String]) -> Bool {
        pairs.allSatisfy { metadata[$0.key] == $0.value }
    }

    private static let malformed = RESTError.badRequest(
        "'metadata' has a broken escape; encode each name and value, join them with '=' and '&', and encode the whole"
    )
}
