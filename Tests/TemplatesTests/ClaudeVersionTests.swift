import HTTP
import Linux
import Records
import Synchronization
import Testing
import Wire

@testable import Templates

/// An index like PyPI's on the loopback: four versions of the project, each with a source that says what it brings.
@Suite struct `a version of Claude Code` {
    private static let brought = [
        "0.1.9": "", "0.1.30": "2.0.9", "0.2.1": "2.0.10", "0.2.10": "2.1.5", "0.2.11": "2.1.7",
    ]

    private static let script = """
        import hashlib, io, os, sys, tarfile
        place, pairs = sys.argv[1], [pair.split("=") for pair in sys.argv[2:]]
        page = "<!DOCTYPE html><html><body>"
        for version, brought in pairs:
            name = f"claude_agent_sdk-{version}.tar.gz"
            with tarfile.open(f"{place}/{name}", "w:gz") as archive:
                text = (f'__cli_version__ = "{brought}"' if brought else "nothing").encode()
                member = tarfile.TarInfo(f"claude_agent_sdk-{version}/src/claude_agent_sdk/_cli_version.py")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text))
            digest = hashlib.sha256(open(f"{place}/{name}", "rb").read()).hexdigest()
            page += f'<a href="../../files/{name}#sha256={digest}">{name}</a>'
            for platform in ["macosx_11_0_arm64", "manylinux_2_17_x86_64"]:
                wheel = f"claude_agent_sdk-{version}-py3-none-{platform}.whl"
                digest = hashlib.sha256(wheel.encode()).hexdigest()
                page += f'<a href="../../files/{wheel}#sha256={digest}">{wheel}</a>'
        wheel = "claude_agent_sdk-0.3.0-py3-none-manylinux_2_17_x86_64.whl"
        page += f'<a data-yanked="" href="../../files/{wheel}#sha256={"0" * 64}">{wheel}</a>'
        open(f"{place}/index", "w").write(page)
        """

    /// Calls `body` with a finder of versions, and with what was asked of the index.
    private func with(
        _ body: @Sendable (ClaudeVersions, _ place: String, _ asked: Asked) async throws -> Void
    ) async throws {
        let place = "/tmp/martlet-versions-\(Random.name(10))"
        try Files.makeDirectory(place)
        defer { try? Files.remove(place) }
        let pairs = Self.brought.map { "\($0.key)=\($0.value)" }
        try await Program("python3", ["-c", Self.script, place] + pairs).succeed()
        let listener = try Listener(.loopback(0))
        let asked = Asked()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await HTTPServer { exchange in
                    let path = exchange.request.path
                    asked.paths.withLock { $0.append(path) }
                    let file = path.hasSuffix("/") ? "index" : String(path.split(separator: "/").last ?? "")
                    guard let bytes = try? Files.read("\(place)/\(file)") else {
                        return try await exchange.respond(404)
                    }
                    try await exchange.respond(200, body: bytes)
                }
                .run(on: listener)
            }
            defer {
                group.cancelAll()
                listener.close()
            }
            try await body(
                ClaudeVersions(index: "http://\(listener.address)/simple", cache: "\(place)/cache"),
                place,
                asked
            )
        }
    }

    private final class Asked: Sendable {
        let paths = Mutex<[String]>([])
    }

    @Test func `is found by what the project's versions bring, and kept`() async throws {
        try await with { versions, _, asked in
            for (wanted, wheel) in [("2.0.9", "0.1.30"), ("2.1.5", "0.2.10"), ("latest", "0.2.11")] {
                let claude = try await versions.find(wanted)
                #expect(claude.wheelVersion == wheel)
                #expect(claude.version == Self.brought[wheel])
                #expect(claude.digest == nil)
                let name = "claude_agent_sdk-\(wheel)-py3-none-manylinux_2_17_x86_64.whl"
                let digest = try await Program("sha256sum", [], input: Array(name.utf8)).succeed()
                #expect(digest.hasPrefix(claude.wheelDigest))
            }
            let before = asked.paths.withLock { $0.count }
            #expect(try await versions.find("2.1.5").wheelVersion == "0.2.10")
            // The one that is pinned needs nobody's word.
            #expect(try await versions.find(ClaudeCode().version) == ClaudeCode())
            #expect(asked.paths.withLock { $0.count } == before)
        }
    }

    @Test func `is refused with the nearest when nothing brings it`() async throws {
        try await with { versions, _, _ in
            let error = await #expect(throws: TemplateError.self) { try await versions.find("2.1.6") }
            #expect(error?.code == .notFound)
            #expect(error?.message.contains("the nearest are '2.1.5' and '2.1.7'") == true, "\(error?.message ?? "")")
            for text in ["", "new", "2", "2.1.x", "2.1.327; true", "../2.1", "-1.2"] {
                let error = await #expect(throws: TemplateError.self) { try await versions.find(text) }
                #expect(error?.code == .invalidRequest, "\(text)")
            }
        }
    }

    @Test func `is not believed of an archive with another digest, or of an index that is down`() async throws {
        try await with { versions, place, _ in
            let file = "\(place)/claude_agent_sdk-0.2.11.tar.gz"
            try Files.write(try Files.read(file) + [0], to: file)
            let error = await #expect(throws: TemplateError.self) { try await versions.find("latest") }
            #expect(error?.message.contains("is not what the index names") == true, "\(error?.message ?? "")")
            let down = ClaudeVersions(index: "http://127.0.0.1:9/simple", cache: "\(place)/other")
            let refused = await #expect(throws: TemplateError.self) { try await down.find("2.1.5") }
            #expect(refused?.code == .downloadFailed)
            #expect(!Files.exists("\(place)/other"))
        }
    }
}
