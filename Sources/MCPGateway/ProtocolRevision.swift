/// The revisions of the Model Context Protocol that are spoken here: those that begin with a handshake.
enum ProtocolRevision {
    static let all = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
    static let newest = all[0]

    /// What to answer to a client that asks for `version`: the same if that can be, else the newest.
    static func agreed(_ version: String) -> String {
        all.contains(version) ? version : newest
    }
}
