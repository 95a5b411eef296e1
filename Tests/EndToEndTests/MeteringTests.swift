import FoundationEssentials
import Glibc
import Linux
import RPC
import Records
import Testing
import Wire

/// What models cost, and who may spend it.
@Suite(.serialized, .enabled(if: Installation.isPossible, Installation.absence), .sharedInstallation)
struct `what models cost` {
    private static let two = Say.steps(Say.bash("echo one"), Say.text("Done."))

    private func usage(_ martlet: Installation, by: String) async throws -> JSONValue {
        let output = try await martlet.martlet(["usage", "--by", by, "--since", "1h", "--json"])
        try #require(output.status == .exited(0), "\(output.errorText)")
        return try JSONValue(parsing: output.output)
    }

    @Test func `is told by day, key, run, model and sandbox`() async throws {
        let martlet = try shared()
        // Far below what its first request could cost at most.
        let run = try await martlet.run(Self.two, ["--max-cost", "0.02", "--model", "claude-opus-5-5", "Go"])
        let report = try run.ended(.valid)
        #expect(report.costUSD == 0.0016)
        let sum = try await retrying(every: .milliseconds(20), for: .seconds(60)) {
            // A record follows its answer.
            let sums = try await usage(martlet, by: "run")["sums"]?.array
            return sums?.first { $0["group"] == .string(report.id) && $0["requests"] == 2 }
        }
        #expect(sum["costUSD"]?.number == 0.0016 && sum["outputTokens"] == 40)
        for (by, group) in [
            ("model", "claude-opus-5-5"), ("sandbox", try #require(report.sandboxID)),
            ("day", String(Date().formatted(.iso8601).prefix(10))),
        ] {
            let answer = try await usage(martlet, by: by)
            let isThere = answer["sums"]?.array?.contains { $0["group"] == .string(group) }
            // A test may see midnight.
            #expect(isThere == true || by == "day", "\(by): \(answer.text())")
            #expect(answer["total"]?["requests"]?.integer ?? 0 >= 2)
        }
        let table = try await martlet.martlet(["usage", "--by", "run"])
        #expect(table.text.hasPrefix("RUN") && table.text.contains(report.id), "\(table.text)")
        let wrong = try await martlet.martlet(["usage", "--since", "yesterday"])
        #expect(wrong.status == .exited(2) && wrong.errorText.contains("7d"), "\(wrong.errorText)")
    }

    @Test func `ends a run when its tokens are used up`() async throws {
        let martlet = try shared()
        let script = Say.steps(Say.bash("echo one"), Say.bash("echo two"), Say.text("Done."))
        let run = try await martlet.run(script, ["--max-tokens", "200", "Go"])
        let report = try run.ended(.budget)
        #expect(report.usage.requests == 2)
        #expect(report.error?.message.contains("The run's budget of 200 tokens is used up: 240 are spent") == true)
    }

    @Test func `is bounded by a key's day, in its runs and in its sandboxes`() async throws {
        let martlet = try shared()
        let made = try await martlet.martlet(["key", "create", "--max-tokens-per-day", "200", "--output", "json", "ci"])
        let answer = try JSONValue(parsing: made.output)
        let (id, key) = (try #require(answer["info"]?["id"]?.string), try #require(answer["key"]?.string))
        let plane = ControlPlane(port: try martlet.port(of: martlet.daemonID), key: key)

        // In a sandbox without a run, a program asks the model by itself.
        let name = try martlet.model.add(Say.steps(Say.text("Hello.")))
        let ask = """
            import sys, urllib.request as r, urllib.error as e
            body = b'{"model":"claude-opus-5-5","max_tokens":100,"messages":[{"role":"user","content":"Hi"}]}'
            for n in range(3):
                q = r.Request('http://127.0.0.1:49984/v1/messages', body,
                    {'content-type': 'application/json', '\(Model.header)': '\(name)'})
                try: print(r.urlopen(q).status)
                except e.HTTPError as error: print(error.code, error.read().decode())
            """
        try await plane.withSandbox { sandbox in
            let output = try await martlet.martlet(["exec", sandbox, "--", "python3", "-c", ask])
            let lines = output.text.split(separator: "\n")
            #expect(lines.count == 3 && lines.prefix(2) == ["200", "200"], "\(output.text) \(output.errorText)")
            #expect(lines.last?.hasPrefix("403") == true)
            #expect(lines.last?.contains("Today's budget of this key of 200 tokens is used up") == true)
        }

        // What is spent stays spent when the daemon is killed, and a run by the same key finds nothing left.
        try await retrying(every: .milliseconds(20), for: .seconds(60)) {
            let sums = try await usage(martlet, by: "key")["sums"]?.array
            return sums?.first { $0["group"] == .string(id) }?["requests"] == 2 ? () : nil
        }
        try await martlet.endDaemon(SIGKILL)
        try await martlet.start()
        let port = try martlet.port(of: martlet.daemonID)
        let line = try martlet.runArguments(Self.two, ["Go"])
        let variables = ["MARTLET_API_URL": "http://127.0.0.1:\(port)", "MARTLET_API_KEY": key]
        let run = try await Installation.slots.withPermit {
            FinishedRun(try await martlet.martlet(line, variables: variables))
        }
        let report = try run.ended(.budget)
        #expect(report.usage.requests == 0)
        #expect(report.error?.message.contains("Today's budget of this key") == true)

        // More of it, and it goes on; a key with a budget makes no key without.
        let raised = try await martlet.martlet(["key", "budget", id, "--max-tokens-per-day", "100000"])
        #expect(raised.status == .exited(0) && raised.text.contains("100.0k tokens a day"), "\(raised.errorText)")
        let again = try await Installation.slots.withPermit {
            FinishedRun(try await martlet.martlet(line, variables: variables))
        }
        try again.ended(.valid)
        let other = try await ControlPlane(port: port, key: key).ask("POST", "/api-keys", #"{"name":"more"}"#)
        #expect(other.status == 403)
    }
}
