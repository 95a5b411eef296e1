import Arguments
import Linux
import Testing

@testable import Commands

@Suite struct `the variables for a client` {
    private let plain = ClientVariables(url: "http://127.0.0.1:3000", key: "e2b_it's\\", way: .plain)
    private let tls = ClientVariables(
        url: "http://127.0.0.1:3000",
        key: "e2b_1",
        way: .tls(domain: "e2b.localhost:3443", authority: "/home/a b/ca.pem")
    )

    @Test func `name one address where there is no TLS`() {
        #expect(
            plain.text(for: .bash) == """
                export MARTLET_API_URL='http://127.0.0.1:3000'
                export MARTLET_API_KEY='e2b_it'\\''s\\'
                export E2B_API_KEY='e2b_it'\\''s\\'
                export E2B_API_URL='http://127.0.0.1:3000'
                export E2B_SANDBOX_URL='http://127.0.0.1:3000'

                """
        )
    }

    @Test func `name a domain and whom to trust where there is`() {
        #expect(
            tls.text(for: .zsh) == """
                export MARTLET_API_URL='http://127.0.0.1:3000'
                export MARTLET_API_KEY='e2b_1'
                export E2B_API_KEY='e2b_1'
                export E2B_DOMAIN='e2b.localhost:3443'
                export SSL_CERT_FILE='/home/a b/ca.pem'
                export NODE_EXTRA_CA_CERTS='/home/a b/ca.pem'
                unset E2B_API_URL E2B_SANDBOX_URL

                """
        )
        let trusted = ClientVariables(url: "http://a", key: "k", way: .tls(domain: "a.example", authority: nil))
        #expect(!trusted.text(for: .bash).contains("SSL_CERT_FILE"))
    }

    @Test(arguments: [("sh", Shell.bash), ("bash", .bash), ("zsh", .zsh), ("fish", .fish)])
    func `survive each shell`(_ name: String, _ shell: Shell) async throws {
        // Those that this machine has; bash and sh are everywhere.
        guard Program.find(name) != nil else { return }
        for (variables, expected) in [(plain, "e2b_it's\\|http://127.0.0.1:3000|"), (tls, "e2b_1||e2b.localhost:3443")]
        {
            let evaluation = name == "fish" ? "echo $lines | source" : "eval \"$lines\""
            var program = try Program(
                name,
                ["-c", "\(evaluation); printf '%s|%s|%s' \"$E2B_API_KEY\" \"$E2B_SANDBOX_URL\" \"$E2B_DOMAIN\""]
            )
            program.environment["lines"] = variables.text(for: shell)
            // What was there before must not win.
            if expected.contains("||") { program.environment["E2B_SANDBOX_URL"] = "http://old" }
            let output = try await program.run()
            #expect(output.text == expected, "\(name): \(output.errorText)")
        }
    }
}
