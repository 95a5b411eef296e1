import Egress
import GuestLink
import Linux
import TLS

// A sandbox whose requests are opened must believe who opens them. Its authority's key is in `authorities/NAME.pem`, and goes
// when the last sandbox does that has it: a fork has its parent's, because it has its parent's files.

extension SandboxRegistry {
    private static let limit = Duration.seconds(30)

    /// Where programs of the guest look for whom to trust; the first file is for tools that build the second one anew.
    private static let script = """
        set -e
        mkdir -p /usr/local/share/ca-certificates /etc/ssl/certs
        printf '%s' "$1" > /usr/local/share/ca-certificates/martlet.crt
        printf '\\n%s' "$1" >> /etc/ssl/certs/ca-certificates.crt
        """

    /// Gives a sandbox the certificate of its own authority, where its policy wants requests opened.
    func introduceAuthority(to sandbox: Sandbox, for policy: EgressPolicy) async throws {
        guard policy.opensRequests else { return }
        let certificate = String(decoding: try networks.network(of: sandbox).authority().certificate, as: UTF8.self)
        let command = GuestLink.Command("/bin/sh", ["-c", Self.script, "sh", certificate], user: "root")
        let result = try await withDeadline(Self.limit) { try await sandbox.link.run(command, outputLimit: 65_536) }
        guard result.status == 0 else {
            throw SandboxError(
                .startFailed,
                "The sandbox '\(sandbox.id)' did not take the certificate that its network rules need"
            )
        }
    }

    /// Removes the authority of a sandbox that has ended, unless a fork of it has the same.
    func removeAuthority(of record: SandboxRecord) {
        guard !list().contains(where: { $0.record.authorityName == record.authorityName }) else { return }
        try? Files.remove(networks.authorityFile(record.authorityName))
    }
}
