import Linux
import TLS
import Testing

@testable import Sandboxes

@Suite struct `the file of whom a guest trusts` {
    private func certificate() throws -> String {
        let file = "/tmp/martlet-bundle-\(Random.name(10)).pem"
        defer { try? Files.remove(file) }
        return String(decoding: try SandboxAuthority(file: file).certificate, as: UTF8.self)
    }

    private func adding(_ certificate: String, to bundle: String) -> String {
        String(decoding: TrustBundle.adding(Array(certificate.utf8), to: Array(bundle.utf8)), as: UTF8.self)
    }

    @Test func `has the sandbox's own authority in place of any other sandbox's, and the rest as it was`() throws {
        let (mine, first, second) = (try certificate(), try certificate(), try certificate())
        let others = "# A\n-----BEGIN CERTIFICATE-----\nTWFydGxldA==\n-----END CERTIFICATE-----\n"
        for bundle in [others, others + first, others + "\n" + first + second, first + others, others + mine] {
            let added = adding(mine, to: bundle)
            #expect(added.hasSuffix("\n" + mine) && added.contains(others), "\(bundle)")
            #expect(!added.contains(first) && !added.contains(second))
            #expect(adding(mine, to: added).filter { $0 != "\n" } == added.filter { $0 != "\n" })
        }
    }

    @Test func `may be missing, cut, or no such file at all`() throws {
        let mine = try certificate()
        let cut = "-----BEGIN CERTIFICATE-----\nTWFy"
        for bundle in ["", "\n", "no end", cut, cut + "\n" + cut, "-----END CERTIFICATE-----", cut + "\n-----BEGIN"] {
            let added = adding(mine, to: bundle)
            #expect(added == (bundle.isEmpty || bundle.hasSuffix("\n") ? bundle : bundle + "\n") + mine, "\(bundle)")
        }
        // All of it is what is replaced, and its last line has no end.
        #expect(adding(mine, to: String(mine.dropLast())) == mine)
    }
}
