import Glibc
import Linux
import Testing

/// The real SDKs from PyPI, as `Tests/python/e2b` uses them.
@Suite(
    .serialized,
    .enabled(if: PythonPrograms.isPossible, PythonPrograms.absence),
    .sharedInstallation(templates: ["base", "claude"], arguments: ["--pool", "2", "--tls", "--tls-port", "0"])
)
struct `E2B's SDK for Python` {
    struct Variant: Sendable, CustomTestStringConvertible {
        let version: String
        let flavour: String
        let routing: PythonPrograms.Routing

        var testDescription: String { "\(version), \(flavour), by \(routing)" }
    }

    /// By headers everything, and by host names what is different there; each version in each flavour.
    private static let variants = [
        Variant(version: "2.63.0", flavour: "sync", routing: .headers),
        Variant(version: "2.63.0", flavour: "async", routing: .headers),
        Variant(version: "2.45.1", flavour: "sync", routing: .headers),
        Variant(version: "2.63.0", flavour: "sync", routing: .tls),
        Variant(version: "2.45.1", flavour: "async", routing: .tls),
    ]

    @Test(arguments: variants) func `finds what it expects`(_ variant: Variant) async throws {
        let martlet = try shared()
        let programs = PythonPrograms(martlet: martlet, version: variant.version)
        let output = try await Installation.slots.withPermit {
            try await programs.run(
                ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "-rf"]
                    + ["--basetemp", "\(martlet.root)/work/pytest"]
                    + (variant.routing == .tls ? ["-m", "routed"] : []),
                routing: variant.routing,
                variables: [
                    "MARTLET_TEST_FLAVOUR": variant.flavour, "MARTLET_TEST_SDK": variant.version,
                    "MARTLET_TEST_ROUTING": variant.routing.rawValue,
                ],
                directory: Installation.packageRoot + "/Tests/python/e2b"
            )
        }
        #expect(PythonPrograms.isEnd(output.status), "\(output.text.suffix(12_000))\n\(output.errorText.suffix(2000))")
        // None was skipped by mistake, and none failed before an abort.
        let summary = output.text.split(separator: "\n").last ?? ""
        #expect(
            summary.contains(" passed") && !summary.contains(" failed") && !summary.contains(" error"),
            "\(summary)"
        )
    }
}
