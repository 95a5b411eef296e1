import Linux
import TLS

/// What it takes to open a sandbox's requests: nothing of it ever reaches the sandbox, but the authority's certificate.
package struct RequestOpening: Sendable {
    /// Gives the certificates that the sandbox is shown; it is the only one to trust them.
    package let authority: SandboxAuthority
    /// Whom to believe outside; nil is the system's choice.
    package let trust: TLSTrust?
    /// A secret of the sandbox's owner, by its name.
    package let secret: @Sendable (String) async throws -> Secret

    package init(
        authority: SandboxAuthority,
        trust: TLSTrust? = nil,
        secret: @escaping @Sendable (String) async throws -> Secret
    ) {
        self.authority = authority
        self.trust = trust
        self.secret = secret
    }
}
