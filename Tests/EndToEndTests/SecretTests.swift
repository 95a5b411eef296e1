import HTTP
import Linux
import RPC
import Records
import Testing
import Wire

/// What this host keeps that a sandbox must not have, or can not change.
@Suite(.serialized, .enabled(if: Installation.isPossible, Installation.absence))
struct `beside a sandbox` {
    private static let key = "sk-ant-test-stored-\(Random.hex(16))"

    /// Installations without a key in the environment.
    private func withSandbox(
        _ body: @Sendable @escaping (Installation, SandboxInfo) async throws -> Void
    ) async throws {
        try await Installation.with(variables: ["ANTHROPIC_API_KEY": nil]) { martlet in
            try await martlet.withSandbox { try await body(martlet, $0) }
        }
    }

    @Test func `a stored key is added to the model's requests, and an audit log can not be changed unnoticed`()
        async throws
    {
        try await withSandbox { martlet, sandbox in
            for version in 1...2 {
                let value = version == 1 ? "another" : Self.key
                let stored = try await martlet.martlet(["secret", "set", "anthropic"], input: Array("\(value)\n".utf8))
                #expect(stored.text == "anthropic, version \(version)\n", "\(stored.errorText)")
            }
            let listed = try await martlet.martlet(["secret", "list", "--output", "json"])
            #expect(listed.text.contains("anthropic") && !listed.text.contains(Self.key))

            let script = try martlet.model.add(Say.steps(Say.text("done")))
            let asked = try await martlet.exec(
                sandbox,
                "curl",
                "-sS",
                "-H",
                "\(Model.header): \(script)",
                "-H",
                "x-api-key: \(GuestProtocol.placeholderKey)",
                "-d",
                #"{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"Go"}]}"#,
                "http://127.0.0.1:\(GuestProtocol.gatewayPort)/v1/messages"
            )
            #expect(asked.text.contains("done"), "\(asked.text) \(asked.errorText)")
            #expect(martlet.model.requests.map { $0.headers["x-api-key"] } == [Self.key])
            for file in ["martlet.db", "martlet.db-wal"] {
                let bytes = (try? Files.read("\(martlet.home.path)/\(file)")) ?? []
                #expect(!String(decoding: bytes, as: UTF8.self).contains(Self.key), "\(file)")
            }
            #expect(try await martlet.martlet(["secret", "rm", "anthropic"]).status == .exited(0))
            #expect(try await martlet.martlet(["secret", "rm", "anthropic"]).status == .exited(1))
            let empty = try await martlet.martlet(["secret", "set", "other"], input: [0x0A])
            #expect(empty.status == .exited(2), "\(empty.errorText)")

            _ = try await martlet.exec(sandbox, "getent", "hosts", "secret.example")
            try await martlet.martlet(["kill", sandbox.id])
            try await checkAudit(martlet, sandbox.id)
        }
    }

    private func checkAudit(_ martlet: Installation, _ id: String) async throws {
        let lines = try await martlet.client.call(ReadSandboxAudit.self, .init(id: id)).lines
        #expect(lines.first?.event == "sandbox.created" && lines.last?.event == "sandbox.ended")
        #expect(lines.contains { $0.event == "api.request" && $0.facts["path"] == .string(GuestProtocol.execPath) })
        #expect(
            lines.contains { $0.event == "command.started" && $0.facts["text"]?.string?.contains("getent") == true }
        )
        #expect(lines.contains { $0.event == "egress.question" && $0.facts["name"] == "secret.example" })
        let checked = try await martlet.martlet(["sbx", "audit", "--verify", id])
        #expect(checked.text.hasPrefix("\(lines.count) lines"), "\(checked.errorText)")

        let file = "\(martlet.home.audit)/\(id).jsonl"
        let whole = try Files.read(file)
        let text = String(decoding: whole, as: UTF8.self)
        let shortened = text.split(separator: "\n").dropLast().map { $0 + "\n" }.joined()
        for (changed, words) in [
            (text.replacing("secret.example", with: "public.example"), "was changed"), (shortened, "ends before line"),
        ] {
            try Files.write(changed.utf8, to: file)
            let refused = try await martlet.martlet(["sbx", "audit", "--verify", id])
            #expect(
                refused.status == .exited(1) && refused.errorText.contains(words),
                "\(refused.text) \(refused.errorText)"
            )
        }
        try Files.write(whole, to: file)
    }
}
