import Linux
import RPC
import Records
import Testing
import Wire

/// What the steps of a template reach, with an internet that is played on this host.
@Suite(.serialized, .enabled(if: Installation.isPossible, Installation.absence))
struct `the way out of a build` {
    private struct Built {
        var lines: [TemplateLogLine] = []
        /// Why it failed; nil when it did not.
        var failure: String?
        var duration = Duration.zero

        var text: String { lines.map(\.message).joined(separator: "\n") }
    }

    private func withInstallation(
        _ arguments: [String] = [],
        _ body: @Sendable @escaping (Installation) async throws -> Void
    ) async throws {
        try await PlayedInternet.with { internet in
            try await Installation.with(
                variables: ["MARTLET_PLAYED_INTERNET": internet.file],
                templates: ["base"],
                arguments: ["--pool", "0"] + arguments,
                body
            )
        }
    }

    /// Builds `reaching` with one command on `base`.
    private func build(_ martlet: Installation, _ command: String, allow: [String]? = nil) async throws -> Built {
        var request = BuildTemplate.Request(name: "reaching")
        request.spec = TemplateSpec(fromTemplate: "base", steps: [TemplateStep("RUN", [command, "root"])])
        request.allow = allow
        let wish = request
        return try await Installation.slots.withPermit {
            try await martlet.client.stream(BuildTemplate.self, wish) { events in
                var built = Built()
                let began = ContinuousClock.now
                do {
                    while let event = try await events.next() { if let line = event.log { built.lines.append(line) } }
                } catch let error as CallError {
                    built.failure = error.message
                }
                built.duration = ContinuousClock.now - began
                return built
            }
        }
    }

    private func page(_ martlet: Installation) async throws -> String {
        try await Installation.slots.withPermit {
            let sandbox = try await martlet.client.call(CreateSandbox.self, .init(template: "reaching"))
            let run = try await martlet.martlet(["exec", sandbox.id, "--", "cat", "/srv/page"])
            try await martlet.martlet(["kill", sandbox.id])
            return run.text
        }
    }

    @Test func `leads to hosts that are allowed, and says at once which are not`() async throws {
        try await withInstallation { martlet in
            let fetch = "curl -sS --max-time 60 -o /srv/page http://"
            let allowed = try await build(martlet, "\(fetch)good.example/", allow: ["good.example"])
            #expect(allowed.failure == nil, "\(allowed)")
            #expect(allowed.text.contains("network: good.example:80 is reached, allowed by rule 'allow good.example'"))
            #expect(try await page(martlet) == "reached good.example\n")

            let refused = try await build(martlet, "\(fetch)evil.example/ && sleep 600", allow: ["good.example"])
            // It was told so: nobody's patience had to end, which is a minute here.
            #expect(refused.duration < .seconds(45), "\(refused)")
            #expect(refused.failure?.contains("it may not reach 'evil.example' (denied by default)") == true)
            let line = refused.lines.first {
                $0.message.contains("network: evil.example is refused, denied by default")
            }
            #expect(line?.level == .warn && line?.step == "1", "\(refused)")
            #expect(line?.message.contains("'martlet template build --allow evil.example' allows it") == true)

            let inner = try await build(martlet, "\(fetch)inner.example/", allow: ["inner.example"])
            #expect(
                inner.text.contains("network: inner.example is refused, denied by platform: an address of a private")
            )
            #expect(inner.failure?.contains("inner.example") == true, "\(inner)")

            let model = try await build(martlet, "curl -sS --max-time 60 http://127.0.0.1:49984/; exit 3", allow: ["*"])
            #expect(model.text.contains("the model's endpoint is there for sandboxes"), "\(model)")
            let bad = try await martlet.martlet([
                "template", "build", "reaching", "--from", "base", "--allow", "no host",
            ])
            #expect(!bad.status.isSuccess && bad.errorText.contains("'no host' names nothing to reach"), "\(bad)")
        }
    }

    @Test func `is the daemon's for whoever says nothing, and no step stands for another way out`() async throws {
        try await withInstallation(["--build-allow", "good.example"]) { martlet in
            let command = "for host in good evil; do curl -sSf http://$host.example/ || echo none; done > /srv/page"
            let first = try await build(martlet, command)
            #expect(first.failure == nil, "\(first)")
            #expect(try await page(martlet) == "reached good.example\nnone\n")
            // What was refused is no reason to do the same again, as long as it would be refused again.
            let again = try await build(martlet, command)
            #expect(again.text.contains("nothing has changed"), "\(again)")
            let opened = try await build(martlet, command, allow: ["good.example", "evil.example"])
            #expect(!opened.text.contains("CACHED"), "\(opened)")
            #expect(try await page(martlet) == "reached good.example\nreached evil.example\n")
            // A step that had all it wanted stands for all.
            let closed = try await build(martlet, command)
            #expect(closed.text.contains("nothing has changed"), "\(closed)")

            // E2B's clients have no word for it, and sandboxes go by another one.
            let key = String(decoding: try Files.read(martlet.home.apiKey), as: UTF8.self)
            let server = ControlPlane(port: try martlet.port(of: martlet.daemonID), key: key)
            let asked = try await server.ask("POST", "/v3/templates", #"{"name":"reaching"}"#)
            let id = try #require(asked.json["buildID"]?.string, "\(asked.text)")
            let spec =
                #"{"fromTemplate":"base","steps":[{"type":"RUN","args":["curl -sSf http://good.example/ > /srv/page","root"]}]}"#
            try await Installation.slots.withPermit {
                let begun = try await server.ask("POST", "/v2/templates/reaching/builds/\(id)", spec)
                #expect(begun.status == 202, "\(begun.text)")
                let status = try await retrying(every: .milliseconds(100), for: .seconds(60)) {
                    let answer = try await server.ask("GET", "/templates/reaching/builds/\(id)/status")
                    return answer.json["status"]?.string == "building" ? nil : answer.json["status"]?.string
                }
                #expect(status == "ready")
            }
            #expect(try await page(martlet) == "reached good.example\n")
            let closedSandbox = try await Installation.slots.withPermit {
                let sandbox = try await martlet.client.call(CreateSandbox.self, .init(template: "base"))
                let run = try await martlet.martlet(["exec", sandbox.id, "--", "curl", "-sS", "http://good.example/"])
                try await martlet.martlet(["kill", sandbox.id])
                return run
            }
            #expect(closedSandbox.errorText.contains("Could not resolve host"), "\(closedSandbox)")
        }
    }
}
