// An authority of this installation's own, and the certificate that it gives its server.
//
//     ca.key      the authority's key and certificate; its owner's alone
//     ca.pem      the certificate again, for clients to trust
//     server.pem  the server's key, its certificate, and the authority's; its owner's alone
//
// A key and its certificate share a file, so that a crash can leave no two that do not fit each other. All three are made by
// whoever first needs them; the authority stays, as long as it can, because clients were told to trust it.

import Linux

/// Makes the certificates of a server that nobody else vouches for.
package struct CertificateAuthority: Sendable {
    private static let authorityDays = 3650
    /// The most that clients accept of a server.
    private static let serverDays = 397
    /// What is left of a certificate when another takes its place.
    private static let renewalDays = 30

    private let directory: String

    package init(directory: String) {
        self.directory = directory
    }

    /// The file for clients to trust.
    package var certificateFile: String { "\(directory)/ca.pem" }
    private var authorityFile: String { "\(directory)/ca.key" }
    private var serverFile: String { "\(directory)/server.pem" }

    /// Gives the identity of a server for `domain` and every name directly below it, and makes what is missing, is near its
    /// end, or is for another domain.
    ///
    /// - Throws: ``TLSError`` when `domain` is no name that clients accept a wildcard for, or a file can not be written.
    package func identity(for domain: String) throws(TLSError) -> TLSIdentity {
        guard Self.isDomain(domain) else {
            throw TLSError(.identity, "'\(domain)' is no domain of at least two parts, as 'e2b.localhost' is")
        }
        do {
            try Files.makeDirectory(directory)
            let authority = try authority()
            let server = Certificate(file: serverFile)
            guard let server, server.isValid(forDays: Self.renewalDays), server.isSigned(by: authority),
                server.names(domain), server.names("any.\(domain)")
            else {
                try makeServer(domain, authority)
                return try TLSIdentity(certificate: serverFile, key: serverFile)
            }
        } catch let error as LinuxError {
            throw TLSError(.identity, "The certificates in '\(directory)' could not be written", cause: error)
        } catch let error as TLSError {
            throw error
        } catch {
            throw TLSError(.identity, "The certificates in '\(directory)' could not be made", cause: error)
        }
        return try TLSIdentity(certificate: serverFile, key: serverFile)
    }

    private func authority() throws -> Certificate {
        let authority: Certificate
        if let kept = Certificate(file: authorityFile), kept.isValid(forDays: Self.serverDays) {
            authority = kept
        } else {
            // Two authorities of one name would confuse a client that trusts both.
            let name = "Martlet authority \(Random.hex(4))"
            authority = try Certificate.make(for: .authority(name: name), days: Self.authorityDays)
            try Files.write(try authority.keyText() + authority.certificateText(), to: authorityFile)
        }
        let text = try authority.certificateText()
        if (try? Files.read(certificateFile)) != text { try Files.write(text, to: certificateFile, mode: 0o644) }
        return authority
    }

    private func makeServer(_ domain: String, _ authority: Certificate) throws {
        let server = try Certificate.make(for: .server(domain: domain), days: Self.serverDays, signedBy: authority)
        let text = try server.keyText() + server.certificateText() + authority.certificateText()
        try Files.write(text, to: serverFile)
    }

    /// Clients do not let a wildcard stand for all of a top-level domain.
    package static func isDomain(_ text: String) -> Bool {
        let labels = text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
        return labels.count >= 2 && text.utf8.count <= 200
            && labels.allSatisfy { label in
                (1...63).contains(label.count) && label.first != 0x2D && label.last != 0x2D
                    && label.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
            }
    }
}
