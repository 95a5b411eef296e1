import Linux
import Synchronization

/// An authority for the eyes of one sandbox: it vouches for any host, and nobody else believes it.
///
/// Its key is in one file of the host's, which its owner alone may read; the sandbox is given ``certificate``. A fork's is
/// vouched for by its parent's: a program that had read whom to trust before the fork goes on. What says so is in the same file,
/// behind key and certificate.
package final class SandboxAuthority: Sendable {
    /// How the names of all of them begin.
    package static let namePrefix = "Martlet sandbox "
    private static let authorityDays = 3650
    private static let hostDays = 90
    /// More hosts than a sandbox's rules are likely to name; what was made for others is made again.
    private static let identityLimit = 256
    /// Forks of forks: programs that are older than that have to read anew whom to trust.
    private static let chainLimit = 8

    private struct State {
        let authority: Certificate
        /// What leads to the authorities above, the nearest first.
        let chain: [[UInt8]]
        var identities: [String: TLSIdentity] = [:]
    }

    /// As PEM.
    package let certificate: [UInt8]
    private let state: Mutex<State>

    /// Reads the authority from a file, or makes it there.
    ///
    /// - Parameter parent: the file of the authority that vouches for one that is made.
    package init(file: String, below parent: String? = nil) throws(TLSError) {
        let state =
            if let kept = Certificate(file: file) {
                State(authority: kept, chain: Self.chain(in: file))
            } else {
                try Self.make(in: file, below: parent)
            }
        certificate = try state.authority.certificateText()
        self.state = Mutex(state)
    }

    private static func make(in file: String, below parent: String?) throws(TLSError) -> sending State {
        let purpose = Certificate.Purpose.ancestor(name: namePrefix + Random.hex(8))
        let authority = try Certificate.make(for: purpose, days: authorityDays)
        var chain: [[UInt8]] = []
        if let parent, let above = Certificate(file: parent) {
            let vouched = try authority.vouched(as: purpose, days: authorityDays, by: above)
            chain = Array(([try vouched.certificateText()] + Self.chain(in: parent)).prefix(chainLimit))
        }
        do {
            try Files.write(try authority.keyText() + authority.certificateText() + chain.joined(), to: file)
        } catch let error as TLSError {
            throw error
        } catch {
            throw TLSError(.identity, "The authority '\(file)' could not be written", cause: error)
        }
        return State(authority: authority, chain: chain)
    }

    /// The certificates in a file behind the first.
    private static func chain(in file: String) -> [[UInt8]] {
        let end = "-----END CERTIFICATE-----\n"
        let text = String(decoding: (try? Files.read(file)) ?? [], as: UTF8.self)
        return text.split(separator: end).dropFirst().map { Array(($0 + end).utf8) }
    }

    /// The identity that a server of this name shows.
    package func identity(for host: String) throws(TLSError) -> TLSIdentity {
        let result = state.withLock { state in
            Result { () throws(TLSError) in
                if let known = state.identities[host] { return known }
                let made = try Certificate.make(for: .host(host), days: Self.hostDays, signedBy: state.authority)
                let identity = try TLSIdentity(made, chain: Array(state.chain.joined()))
                if state.identities.count >= Self.identityLimit { state.identities = [:] }
                state.identities[host] = identity
                return identity
            }
        }
        return try result.get()
    }
}
