import Linux
import Synchronization

/// An authority for the eyes of one sandbox: it vouches for any host, and nobody else believes it.
///
/// Its key is in one file of the host's, which its owner alone may read; the sandbox is given ``certificate``.
package final class SandboxAuthority: Sendable {
    private static let authorityDays = 3650
    private static let hostDays = 90
    /// More hosts than a sandbox's rules are likely to name; what was made for others is made again.
    private static let identityLimit = 256

    private struct State {
        let authority: Certificate
        var identities: [String: TLSIdentity] = [:]
    }

    /// As PEM.
    package let certificate: [UInt8]
    private let state: Mutex<State>

    /// Reads the authority from a file, or makes it there.
    package init(file: String) throws(TLSError) {
        let authority: Certificate
        if let kept = Certificate(file: file) {
            authority = kept
        } else {
            authority = try Certificate.make(
                for: .authority(name: "Martlet sandbox \(Random.hex(8))"),
                days: Self.authorityDays
            )
            do {
                try Files.write(try authority.keyText() + authority.certificateText(), to: file)
            } catch let error as TLSError {
                throw error
            } catch {
                throw TLSError(.identity, "The authority '\(file)' could not be written", cause: error)
            }
        }
        certificate = try authority.certificateText()
        state = Mutex(State(authority: authority))
    }

    /// The identity that a server of this name shows.
    package func identity(for host: String) throws(TLSError) -> TLSIdentity {
        let result = state.withLock { state in
            Result { () throws(TLSError) in
                if let known = state.identities[host] { return known }
                let made = try Certificate.make(for: .host(host), days: Self.hostDays, signedBy: state.authority)
                let identity = try TLSIdentity(made)
                if state.identities.count >= Self.identityLimit { state.identities = [:] }
                state.identities[host] = identity
                return identity
            }
        }
        return try result.get()
    }
}
