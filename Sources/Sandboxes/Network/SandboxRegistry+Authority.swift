import Egress
import GuestLink
import Linux
import RPC
import TLS
import Wire

// A sandbox whose requests are opened must believe who opens them. Its authority's key is in `authorities/ID.pem` for as long as
// there is the sandbox. A guest that goes on as somebody else, or with rules that it did not have, is given the certificate while
// its processes are held: with the files that it had before, it has whom to trust then.

extension SandboxRegistry {
    private static let limit = Duration.seconds(30)
    /// A guest's file may be of any size; one with every authority there is has a quarter of a MiB.
    private static let bundleLimit = 4 << 20
    /// Where programs of the guest look for whom to trust.
    private static let bundle = "/etc/ssl/certs/ca-certificates.crt"
    /// For tools that build the other file anew.
    private static let own = "/usr/local/share/ca-certificates/martlet.crt"

    /// Gives a guest the certificate of its own sandbox's authority in place of any other sandbox's, where its policy wants
    /// requests opened and it does not have it.
    ///
    /// - Parameters:
    ///   - parent: the sandbox that it is a fork of, while it is being made.
    ///   - link: to the guest, whoever it is at this moment.
    func introduceAuthority(
        of id: String,
        below parent: String? = nil,
        for policy: EgressPolicy,
        over link: GuestLink
    ) async throws {
        guard policy.opensRequests else { return }
        let certificate = try networks.authority(of: id, below: parent).certificate
        do {
            try await withDeadline(Self.limit) {
                if try await Self.read(Self.own, over: link) == certificate { return }
                let bundle = try await Self.read(Self.bundle, over: link)
                try await link.writeFile(TrustBundle.adding(certificate, to: bundle), to: Self.bundle, user: "root")
                try await link.writeFile(certificate, to: Self.own, user: "root")
            }
        } catch {
            throw SandboxError(
                .startFailed,
                "The sandbox '\(id)' did not take the certificate that its network rules need",
                cause: error
            )
        }
    }

    /// The same for a guest that goes on in any case: without it, its requests to hosts with rules come to nothing.
    func introduceAuthorityIfItCan(of record: SandboxRecord, below parent: String? = nil, over link: GuestLink) async {
        do {
            try await introduceAuthority(of: record.id, below: parent, for: record.egressPolicy, over: link)
        } catch {
            log("sandbox \(record.id): \(error)")
        }
    }

    private static func read(_ path: String, over link: GuestLink) async throws -> [UInt8] {
        do {
            return try await link.readFile(path, user: "root", limit: bundleLimit)
        } catch let error as CallError where error.code == .notFound {
            return []
        }
    }
}
