/// Who may reach a sandbox's ports from outside, and how; the agent's own port asks for its token in any case.
public struct IngressPolicy: Codable, Sendable, Hashable {
    /// Whether anyone who can reach the daemon may; else a request must carry the sandbox's traffic token.
    public var allowsPublicTraffic: Bool
    /// What the guest's servers find in `Host`, with `${PORT}` for the port; nil leaves the client's.
    public var maskedHost: String?
    /// Ports whose servers speak TLS themselves.
    public var tlsPorts: Set<UInt16>

    public init(allowsPublicTraffic: Bool = true, maskedHost: String? = nil, tlsPorts: Set<UInt16> = []) {
        self.allowsPublicTraffic = allowsPublicTraffic
        self.maskedHost = maskedHost
        self.tlsPorts = tlsPorts
    }
}
