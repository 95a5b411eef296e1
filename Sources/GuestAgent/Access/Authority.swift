import HTTP
import Synchronization
import Wire

/// Decides who may ask the guest for anything.
///
/// Anyone on the host can reach the guest's port, and a snapshot can be resumed by anyone who has it, so nothing is
/// answered without a secret from the first instruction on, and a new identity leaves no way in for the old one.
final class Authority: Sendable {
    /// What every process gets, until the next identity.
    struct Surroundings: Sendable {
        var variables: [String: String] = [:]
        var defaultUser: String?
        var defaultDirectory: String?

        init() {}

        init(_ identity: GuestIdentity) {
            variables = identity.envVars
            defaultUser = identity.defaultUser
            defaultDirectory = identity.defaultWorkdir
        }

        /// Those of a guest that had these.
        func renewed(_ identity: GuestIdentity) -> Surroundings {
            var next = self
            switch identity.renewal {
            case nil: return Surroundings(identity)
            case .resume: break
            case .fork: next.variables.merge(identity.envVars) { $1 }
            }
            return next
        }
    }

    private enum State {
        /// Booted, and nobody's yet. Becomes `open`. Without a hash it stays closed for ever.
        case sealed(bootstrap: SecretHash?)
        /// Belongs to who holds the token. Becomes `open` again, with another token, or `sealed` when it is given back.
        case open(token: SecretHash, Surroundings)
    }

    private let state: Mutex<State>
    private let bootstrap: SecretHash?

    init(bootstrap: SecretHash?) {
        self.bootstrap = bootstrap
        state = Mutex(.sealed(bootstrap: bootstrap))
    }

    var surroundings: Surroundings {
        state.withLock { if case .open(_, let surroundings) = $0 { surroundings } else { Surroundings() } }
    }

    /// Whether the guest is somebody's.
    var isOpen: Bool { state.withLock { if case .open = $0 { true } else { false } } }

    /// Refuses a request without the current token.
    func admit(_ headers: Headers) throws(HTTPError) {
        let token: SecretHash? = state.withLock { if case .open(let token, _) = $0 { token } else { nil } }
        guard let token, let shown = headers[GuestProtocol.tokenHeader], token.matches(shown) else {
            throw Self.refusal
        }
    }

    /// Refuses a request that may not give the guest an identity: before the first one that takes the bootstrap secret,
    /// afterwards the current token.
    func admitIdentity(_ headers: Headers) throws(HTTPError) {
        guard state.withLock({ Self.mayIdentify(headers, $0) }) else { throw Self.refusal }
    }

    /// Makes `identity` the guest's own, if that is still allowed.
    func take(_ identity: GuestIdentity, _ headers: Headers) throws(HTTPError) {
        let isTaken = state.withLock { state in
            guard Self.mayIdentify(headers, state) else { return false }
            let surroundings =
                switch state {
                case .sealed: Surroundings(identity)
                case .open(_, let had): had.renewed(identity)
                }
            state = .open(token: SecretHash(of: identity.accessToken), surroundings)
            return true
        }
        guard isTaken else { throw Self.refusal }
    }

    /// Makes the guest nobody's again: what is saved now can be given to anyone by who has the bootstrap secret.
    func release() {
        state.withLock { $0 = .sealed(bootstrap: bootstrap) }
    }

    private static func mayIdentify(_ headers: Headers, _ state: State) -> Bool {
        switch state {
        case .sealed(let bootstrap):
            guard let bootstrap, let shown = headers[GuestProtocol.bootstrapHeader] else { return false }
            return bootstrap.matches(shown)
        case .open(let token, _):
            guard let shown = headers[GuestProtocol.tokenHeader] else { return false }
            return token.matches(shown)
        }
    }

    /// In the words of E2B's envd, which clients compare.
    private static let refusal = HTTPError(
        401,
        "unauthorized access, please provide a valid access token or method signing if supported"
    )
}
