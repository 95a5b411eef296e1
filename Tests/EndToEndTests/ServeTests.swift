import HTTP
import Linux
import Records
import Testing
import Wire

extension Martlet {
    @Suite struct `a daemon that a person starts` {
        private func serve(
            _ martlet: Installation,
            _ arguments: [String] = [],
            _ body: @Sendable @escaping (LiveTerminal) async throws -> Void
        ) async throws {
            let status = try await withDeadline(Installation.deadline) {
                try await LiveTerminal.with(
                    Installation.binary,
                    ["serve", "--port", "0", "--pool", "0"] + arguments,
                    environment: martlet.environment,
                    directory: "\(martlet.root)/work"
                ) { terminal in
                    try await body(terminal)
                    // Ctrl-C: the terminal is not raw.
                    try await terminal.types("\u{3}")
                    _ = try await terminal.child.exit.value()
                }
            }
            #expect(status == .exited(0))
        }

        /// The lines that set a variable, by its name.
        private func variables(_ text: String) -> [String: String] {
            var variables: [String: String] = [:]
            for line in text.split(separator: "\n") where line.hasPrefix("export ") {
                let parts = line.dropFirst("export ".count).split(separator: "=", maxSplits: 1)
                variables[String(parts[0])] = String(parts[1].dropFirst().dropLast())
            }
            return variables
        }

        @Test func `is shown its key once, and what E2B's programs need`() async throws {
            try await Installation.with(starts: false) { martlet in
                try await serve(martlet) { terminal in
                    try await terminal.shows("This is the first start")
                    let key = String(decoding: try Files.read(martlet.home.apiKey), as: UTF8.self)
                    try await terminal.shows("    \(key)")
                    try await terminal.shows("    export E2B_API_KEY='\(key)'")

                    let environment = variables(try await martlet.martlet(["env"]).text)
                    #expect(environment["E2B_API_KEY"] == key)
                    let url = try #require(environment["E2B_API_URL"])
                    #expect(environment["E2B_SANDBOX_URL"] == url)
                    let port = try #require(url.split(separator: ":").last.flatMap { UInt16($0) })
                    let client = HTTPClient { try await Channel.connect(to: .loopback(port)) }
                    let list = try await client.send(
                        RequestHead(method: "GET", target: "/v2/sandboxes", headers: ["Host": "x", "X-API-Key": key])
                    )
                    #expect(list.head.status == 200)

                    let tls = try await martlet.martlet(["env", "--tls"])
                    #expect(tls.status == .exited(1) && tls.errorText.contains("serve --tls"), "\(tls.errorText)")
                }
                try await serve(martlet) { terminal in
                    try await terminal.shows("'martlet env' prints")
                    #expect(!terminal.shown.contains("e2b_"))
                }
            }
        }

        @Test func `gives programs whom to trust, and makes keys for others`() async throws {
            try await Installation.with(starts: false) { martlet in
                try await serve(martlet, ["--tls", "--tls-port", "0"]) { terminal in
                    try await terminal.shows("This is the first start")
                    let environment = variables(try await martlet.martlet(["env", "--tls"]).text)
                    #expect(environment["E2B_DOMAIN"]?.hasPrefix("e2b.localhost:") == true)
                    #expect(environment["E2B_API_URL"] == nil && environment["E2B_SANDBOX_URL"] == nil)
                    let own = try Files.read(try #require(environment["NODE_EXTRA_CA_CERTS"]))
                    let all = try Files.read(try #require(environment["SSL_CERT_FILE"]))
                    #expect(String(decoding: all, as: UTF8.self).contains(String(decoding: own, as: UTF8.self)))

                    let made = try await martlet.martlet(["key", "create", "--owner", "others", "laptop"])
                    let key = made.text.filter { !$0.isWhitespace }
                    #expect(key.hasPrefix("e2b_") && key.count == 44, "\(made.errorText)")
                    let listed = try await martlet.martlet(["key", "list", "--output", "json"])
                    let keys = try JSONValue(parsing: listed.output).array ?? []
                    #expect(keys.count == 2 && !listed.text.contains(key))
                    let id = try #require(keys.first { $0["owner"] == .string("others") }?["id"]?.string)
                    #expect(try await martlet.martlet(["key", "rm", id]).status == .exited(0))
                    #expect(try await martlet.martlet(["key", "ls"]).text.split(separator: "\n").count == 2)
                }
            }
        }
    }
}
