import Arguments
import Linux
import Records
import Testing

@testable import Commands

@Suite struct `the variables for a client` {
    private let plain = ClientVariables(url: "http://127.0.0.1:3000", key: "e2b_it's\\", way: .plain)
    private let tls = ClientVariables(
        url: "http://127.0.0.1:3000",
        key: "e2b_1",
        way: .tls(domain: "e2b.localhost:3443", trust: .init(authority: "/h/a b/ca.pem", all: "/h/all.pem"))
    )

    @Test func `name one address where there is no TLS`() {
        #expect(
            plain.text(for: .bash) == """
                export MARTLET_API_URL='http://127.0.0.1:3000'
                export MARTLET_API_KEY='e2b_it'\\''s\\'
                export E2B_API_KEY='e2b_it'\\''s\\'
                export E2B_API_URL='http://127.0.0.1:3000'
                export E2B_SANDBOX_URL='http://127.0.0.1:3000'
                export E2B_VOLUME_API_URL='http://127.0.0.1:3000'

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
                export SSL_CERT_FILE='/h/all.pem'
                export NODE_EXTRA_CA_CERTS='/h/a b/ca.pem'
                unset E2B_API_URL E2B_SANDBOX_URL E2B_VOLUME_API_URL

                """
        )
        let trusted = ClientVariables(url: "http://a", key: "k", way: .tls(domain: "a.example", trust: nil))
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

@Suite struct `what a new daemon says` {
    private let variables = ClientVariables(url: "http://127.0.0.1:3000", key: "e2b_1", way: .plain)

    @Test func `has the key and the lines to paste the first time`() {
        let text = Greeting(isFirst: true, key: "e2b_1", variables: variables).text(isTerminal: true)
        #expect(text.contains("\n    e2b_1\n"))
        #expect(text.contains("\n    export E2B_API_URL='http://127.0.0.1:3000'\n"))
    }

    @Test(arguments: [(false, true), (true, false), (false, false)])
    func `has no key later, nor where nobody reads it`(_ isFirst: Bool, _ isTerminal: Bool) {
        let text = Greeting(isFirst: isFirst, key: "e2b_1", variables: variables).text(isTerminal: isTerminal)
        #expect(!text.contains("e2b_1"))
        #expect(text.split(separator: "\n").count == 1 && text.contains("martlet env"))
    }
}

@Suite struct `the file of what is trusted` {
    @Test func `has the system's certificates and the daemon's`() throws {
        let place = try Place()
        let home = Home(place.path)
        try place.write("authority\n", to: "tls/ca.pem")
        try place.write("system", to: "system.pem")
        let path = try TrustFile.path("\(place.path)/tls/ca.pem", home, trusted: "\(place.path)/system.pem")
        #expect(try place.read("tls/trusted.pem") == "system\nauthority\n")
        #expect(path == "\(place.path)/tls/trusted.pem")
        // Evaluated twice in one shell, it does not grow.
        let size = try place.read("tls/trusted.pem").count
        let again = try TrustFile.path("\(place.path)/tls/ca.pem", home, trusted: path)
        let others = try place.read("tls/trusted.pem").replacing("authority", with: "")
        #expect(again == path || again == "\(place.path)/tls/ca.pem")
        #expect(!others.contains("authority") && size > 0)
    }
}
