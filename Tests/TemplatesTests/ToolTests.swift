import Linux
import Testing

@testable import Templates

@Suite struct `the tools of a build` {
    @Test func `are missed all at once, with the line that installs them`() throws {
        let error = #expect(throws: TemplateError.self) {
            try Tools.require(for: [.kernel, .disk]) { ["lz4", "mke2fs"].contains($0) ? nil : "/usr/bin/\($0)" }
        }
        #expect(error?.code == .toolsMissing)
        #expect(error?.message.contains("without lz4, mke2fs;") == true)
        #expect(error?.message.contains("'apt-get install e2fsprogs lz4'") == true)
        try Tools.require(for: Layer.allCases) { $0 }
    }

    @Test func `fail with what they said last`() async throws {
        let error = await #expect(throws: TemplateError.self) {
            try await Tools.script(
                "echo no such host >&2; exit 3",
                [],
                failure: (.downloadFailed, "It was not fetched")
            )
        }
        #expect(error?.code == .downloadFailed)
        #expect(error?.message == "It was not fetched: '/bin/sh' ended with status 3: no such host")
    }

    @Test func `find what lies in the administrator's directories`() async throws {
        try await Tools.script("command -v mke2fs", [], failure: (.toolFailed, "mke2fs was not found"))
    }

    @Test func `refuse a file that is not the one that was pinned`() async throws {
        try await Installation.with { here in
            let digest = try await Tools.digest(ofFile: here.guest)
            try await ClaudeLayer.demand(digest, of: here.guest, "the file")
            let error = await #expect(throws: TemplateError.self) {
                try await ClaudeLayer.demand(String(digest.reversed()), of: here.guest, "the file")
            }
            #expect(error?.code == .digestMismatch)
        }
    }
}
