import HTTP
import Linux
import Wire

/// What of a guest's agent can be asked from outside, and by what right.
///
/// The agent checks the token that a request carries. Here it is given one only where it was earned otherwise: by a signature, or
/// by being somebody whom the daemon trusts.
enum AgentDoor {
    private static let paths: Set<String> = [
        "/health", "/metrics", "/envs", "/files", GuestProtocol.terminalsPath, GuestProtocol.execPath,
    ]
    private static let trees = [
        "/files/", "\(GuestProtocol.terminalsPath)/", "/process.Process/", "/filesystem.Filesystem/",
    ]

    /// Whether a path is for those outside. All others are between host and guest, or nothing.
    static func isOpen(_ path: String) -> Bool {
        paths.contains(path) || trees.contains { path.hasPrefix($0) }
    }

    /// Gives the token that the request is to carry.
    ///
    /// - Throws: ``Refusal`` in the agent's words, and in the order in which it looks.
    static func token(
        for request: RequestHead,
        to sandbox: RoutedSandbox,
        isTrusted: () async throws -> Bool
    ) async throws -> String? {
        guard isOpen(request.path) else { throw Refusal.hidden(request) }
        if let shown = request.headers[GuestProtocol.tokenHeader] {
            if request.path == "/files", !sandbox.token.matches(shown) {
                throw Refusal.unauthorized("access token present in header but does not match")
            }
            return shown
        }
        if try await isTrusted() { return sandbox.token.exposed { $0 } }
        guard request.path == "/files", ["GET", "HEAD", "POST"].contains(request.method) else { return nil }
        try FileSignature(request).check(against: sandbox.token)
        return sandbox.token.exposed { $0 }
    }
}
