/// The revisions of the Model Context Protocol that are spoken here.
enum ProtocolVersion {
    /// The revision in which every request stands for itself: <https://modelcontextprotocol.io/specification/2026-07-28>.
    static let stateless = "2026-07-28"
    /// The revisions that begin with a handshake, newest first.
    static let handshake = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]

    static func isKnown(_ version: String) -> Bool {
        version == stateless || handshake.contains(version)
    }

    /// What a server answers to a client that asks for `version`: the same if it can, else its newest.
    static func negotiated(_ version: String) -> String {
        handshake.contains(version) ? version : handshake[0]
    }
}
