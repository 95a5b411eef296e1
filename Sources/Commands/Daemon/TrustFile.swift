import Linux
import Records

/// The certificates that a program is to trust which reaches sandboxes by TLS and other places too.
///
/// `SSL_CERT_FILE` replaces what a system trusts. So the daemon's authority goes into a file together with the system's:
/// `tls/trusted.pem`, written anew each time it is asked for.
enum TrustFile {
    /// Where systems keep theirs: Debian and its kind, Red Hat's, SUSE, Alpine.
    private static let systemFiles = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ]

    /// The path of a file with `authority` and whatever is trusted here already; `authority` alone where nothing is known.
    ///
    /// - Parameter trusted: the value of `SSL_CERT_FILE`.
    static func path(_ authority: String, _ home: Home, trusted: String?) throws -> String {
        let path = "\(home.tls)/trusted.pem"
        // From an earlier time it is this very file.
        let candidates = [trusted == path || trusted == authority ? nil : trusted].compactMap { $0 } + systemFiles
        guard let system = candidates.lazy.compactMap({ try? Files.read($0) }).first else { return authority }
        let separator = system.last == 0x0A ? [] : [UInt8(0x0A)]
        try Files.write(system + separator + (try Files.read(authority)), to: path, mode: 0o644)
        return path
    }
}
