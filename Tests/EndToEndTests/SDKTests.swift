import Glibc
import Linux
import Testing

/// The real SDKs from PyPI, as `Tests/python/e2b` uses them.
struct SDKVariant: Sendable, CustomTestStringConvertible {
    let version: String
    let flavour: String
    let routing: PythonPrograms.Routing

    var testDescription: String { "\(version), \(flavour), by \(routing)" }

    func expectSuccess(with martlet: Installation) async throws {
        let programs = PythonPrograms(martlet: martlet, version: version)
        let output = try await Installation.slots.withPermit {
            try await programs.run(
                ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "-rf"]
                    + ["--basetemp", "\(martlet.root)/work/pytest"]
                    + (routing == .tls ? ["-m", "routed"] : []),
                routing: routing,
                variables: [
                    "MARTLET_TEST_FLAVOUR": flavour, "MARTLET_TEST_SDK": version,
                    "MARTLET_TEST_ROUTING": routing.rawValue,
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

// Each version has a daemon of its own, so that the two go beside each other: no other tests take as long. By headers everything,
// and by host names what is different there; each version in each flavour.

@Suite(
    .serialized,
    .enabled(if: PythonPrograms.isPossible, PythonPrograms.absence),
    .sharedInstallation(templates: ["base", "claude"], arguments: ["--pool", "2", "--tls", "--tls-port", "0"])
)
struct `E2B's SDK for Python` {
    private static let variants = [
        SDKVariant(version: "2.63.0", flavour: "sync", routing: .headers),
        SDKVariant(version: "2.63.0", flavour: "async", routing: .headers),
        SDKVariant(version: "2.63.0", flavour: "sync", routing: .tls),
    ]

    @Test(arguments: variants) func `finds what it expects`(_ variant: SDKVariant) async throws {
        try await variant.expectSuccess(with: shared())
    }
}

@Suite(
    .serialized,
    .enabled(if: PythonPrograms.isPossible, PythonPrograms.absence),
    .sharedInstallation(templates: ["base", "claude"], arguments: ["--pool", "2", "--tls", "--tls-port", "0"])
)
struct `E2B's older SDK for Python` {
    private static let variants = [
        SDKVariant(version: "2.45.1", flavour: "sync", routing: .headers),
        SDKVariant(version: "2.45.1", flavour: "async", routing: .tls),
    ]

    @Test(arguments: variants) func `finds what it expects`(_ variant: SDKVariant) async throws {
        try await variant.expectSuccess(with: shared())
    }
}
