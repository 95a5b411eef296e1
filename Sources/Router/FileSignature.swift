import FoundationEssentials
import HTTP
import Linux
import TLS

/// The signature in the query of a URL for a sandbox's file, by which whoever has the URL may read or write that one file.
///
/// The text that is signed is `path:operation:user:token[:expiration]`, with path and user as they stand in the URL.
struct FileSignature: Sendable {
    private static let missing = Refusal.unauthorized("missing signature query parameter")
    private static let invalid = Refusal.unauthorized("invalid signature")
    private static let expired = Refusal.unauthorized("signature is already expired")

    private let shown: String
    private let path: String
    private let user: String
    private let operation: String
    /// Unix seconds.
    private let expiration: Int64?

    /// - Throws: ``Refusal`` when the URL carries no signature, or one that can not be any sandbox's.
    init(_ request: RequestHead) throws(Refusal) {
        let query = request.query
        guard let shown = query["signature"] else { throw Self.missing }
        self.shown = shown
        path = query["path"] ?? ""
        user = query["username"] ?? ""
        operation = request.method == "POST" ? "write" : "read"
        if let text = query["signature_expiration"] {
            guard let seconds = Int64(text) else { throw Self.invalid }
            expiration = seconds
        } else {
            expiration = nil
        }
    }

    /// - Throws: ``Refusal`` when this was not made with `token`, or is too old.
    func check(against token: Secret, now: Date = Date()) throws(Refusal) {
        guard isMade(with: token) else { throw Self.invalid }
        try checkTime(now)
    }

    /// Finds what it was made with, also when it is too old: the time is part of what is signed.
    ///
    /// - Throws: ``Refusal`` when none fits, or the one that does is too old.
    func find(among sandboxes: [RoutedSandbox], now: Date = Date()) throws(Refusal) -> RoutedSandbox {
        guard let match = sandboxes.first(where: { isMade(with: $0.token) }) else { throw Self.invalid }
        try checkTime(now)
        return match
    }

    private func checkTime(_ now: Date) throws(Refusal) {
        if let expiration, Double(expiration) < now.timeIntervalSince1970 { throw Self.expired }
    }

    private func isMade(with token: Secret) -> Bool {
        token.exposed { token in
            var text = "\(path):\(operation):\(user):\(token)"
            if let expiration { text += ":\(expiration)" }
            var encoded = Data(Digest.sha256(text.utf8)).base64EncodedString()
            while encoded.hasSuffix("=") { encoded.removeLast() }
            return Secret("v1_\(encoded)").matches(shown)
        }
    }
}
