import Linux
import Records
import Synchronization
import TLS

/// The domain that needs no name server: clients and browsers take every name below `localhost` for this machine.
enum DaemonDomain {
    static let standard = "e2b.localhost"
}

/// How a daemon serves TLS.
struct TLSOptions: Sendable {
    /// On 127.0.0.1; 0 lets the kernel choose.
    var port: UInt16
    /// A certificate and its key; nil has them made.
    var files: (certificate: String, key: String)?
}

/// Where clients come in by TLS.
final class SecureDoor: Sendable {
    let listener: Listener
    /// As clients name it: with the port, unless it is the one that https has anyway.
    let domain: String
    /// The authority to trust; nil where the certificate was given.
    let certificateFile: String?

    private let load: @Sendable () throws(TLSError) -> TLSIdentity
    private let identity: Mutex<TLSIdentity>

    init(_ options: TLSOptions, domain: String, home: Home, listener: Listener) throws(TLSError) {
        self.listener = listener
        guard case .tcp(_, let port) = listener.address else { preconditionFailure("clients come by TCP") }
        self.domain = port == 443 ? domain : "\(domain):\(port)"
        if let files = options.files {
            certificateFile = nil
            load = { () throws(TLSError) in try TLSIdentity(certificate: files.certificate, key: files.key) }
        } else {
            let authority = CertificateAuthority(directory: home.tls)
            certificateFile = authority.certificateFile
            load = { () throws(TLSError) in try authority.identity(for: domain) }
        }
        identity = Mutex(try load())
    }

    /// Shakes hands with a client.
    @Sendable
    func secure(_ connection: Channel) async throws -> any ByteStream {
        try await TLSStream.accept(over: connection, as: identity.withLock { $0 })
    }

    /// Takes certificates into use that took the place of the old ones, and has its own renewed in time; until cancelled.
    func renew(_ log: (String) -> Void) async throws {
        while true {
            try await EventLoop.shared.sleep(for: .seconds(12 * 3600))
            do throws(TLSError) {
                let fresh = try load()
                identity.withLock { $0 = fresh }
            } catch {
                log("the certificate could not be renewed, so the old one stays: \(error)")
            }
        }
    }
}
