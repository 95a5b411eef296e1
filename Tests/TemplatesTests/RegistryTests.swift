import Linux
import Records
import Synchronization
import Testing

@testable import Templates

/// Registries that take connections and then say nothing, or stop in the midst of an image.
@Suite(.enabled(if: Program.find("skopeo") != nil && Program.find("umoci") != nil, "skopeo or umoci is missing"))
struct `a registry that stalls` {
    /// Serves a manifest if it has one, and of everything else the first half of an answer.
    private func withRegistry(
        _ manifest: String?,
        _ body: @Sendable @escaping (_ image: ImageImport, _ isAsked: Latch<Void>) async throws -> Void
    ) async throws {
        let listener = try Listener(.loopback(0))
        guard case .tcp(_, let port) = listener.address else { return }
        let isAsked = Latch<Void>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await withThrowingDiscardingTaskGroup { connections in
                    while let connection = try? await listener.accept() {
                        connections.addTask {
                            try? await Self.answer(connection, manifest, isAsked)
                            connection.close()
                        }
                    }
                }
            }
            defer {
                group.cancelAll()
                listener.close()
            }
            let source = try #require(ImageSource("docker://127.0.0.1:\(port)/stalled:1"))
            try await body(ImageImport(source: source, login: nil, patience: .seconds(2)), isAsked)
        }
    }

    private static func answer(_ connection: Channel, _ manifest: String?, _ isAsked: Latch<Void>) async throws {
        var request = ""
        while true {
            while !request.hasSuffix("\r\n\r\n") {
                let bytes = try await connection.read()
                // TLS, which skopeo tries first.
                if bytes.isEmpty || request.isEmpty && bytes[0] == 0x16 { return }
                request += String(decoding: bytes, as: UTF8.self)
            }
            let path = request.split(separator: " ").dropFirst().first ?? ""
            request = ""
            if let manifest, path == "/v2/" || path.contains("/manifests/") {
                let body = path == "/v2/" ? "{}" : manifest
                let head =
                    "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n"
                try await connection.write(Array((head + body).utf8))
                continue
            }
            isAsked.set(())
            if manifest != nil {
                try await connection.write(Array("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{".utf8))
            }
            // Until its client goes away.
            while try await !connection.read().isEmpty {}
            return
        }
    }

    private static let manifest = """
        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:\(digest)","size":1000},
        "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:\(digest)","size":1000}]}
        """
    private static let digest = String(repeating: "ab", count: 32)

    @Test func `is given up after a while, and said to be silent`() async throws {
        try await withRegistry(nil) { image, _ in
            let error = try await #require(throws: TemplateError.self) {
                try await withDeadline(.seconds(60)) { _ = try await image.digest() }
            }
            #expect(error.code == .downloadFailed)
            #expect(error.message.contains("its registry said nothing for 2 seconds"), "\(error)")
        }
    }

    @Test func `is given up in the midst of an image, too`() async throws {
        try await withRegistry(Self.manifest) { image, isAsked in
            var image = image
            // Enough for skopeo to come to the layer on a busy host.
            image.patience = .seconds(5)
            let stalled = image
            try await Installation.with { here in
                let place = LayerStore.Workplace(
                    result: "\(here.home.path)/result",
                    scratch: "\(here.home.path)/scratch"
                )
                for path in [place.result, place.scratch] { try Files.makeDirectory(path) }
                let error = try await #require(throws: TemplateError.self) {
                    try await withDeadline(.seconds(60)) { try await stalled.make(in: place, diskMiB: 512) }
                }
                #expect(isAsked.current != nil)
                #expect(error.code == .downloadFailed)
                #expect(error.message.contains("its registry said nothing for 5 seconds"), "\(error)")
            }
        }
    }

    @Test func `keeps nobody who does not want to wait`() async throws {
        try await withRegistry(nil) { image, isAsked in
            var image = image
            image.patience = .seconds(600)
            let waiting = image
            let task = Task { try await waiting.digest() }
            try await withDeadline(.seconds(60)) { try await isAsked.value() }
            task.cancel()
            let result = try await withDeadline(.seconds(60)) { await task.result }
            #expect(throws: (any Error).self) { try result.get() }
        }
    }
}
