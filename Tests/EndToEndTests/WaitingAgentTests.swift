import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Records
import Testing
import Wire

/// Agents that were started with their template, and wait for a run.
@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `an agent that waits` {
    private static let script: JSONValue = [
        "steps": [
            Say.bash("cat note; (pwd; hostname; echo $E2B_SANDBOX_ID) > made.txt; git rev-parse --is-inside-work-tree"),
            Say.result(["summary": "too few"]),
            Say.result(["summary": "one finding in the note", "issues_found": 1]),
            Say.text("Done."),
        ]
    ]

    /// Runs as a person would who sets nothing: a run with variables of its own has an agent of its own.
    private func run(_ martlet: Installation, _ arguments: [String]) async throws -> RunReport {
        try await Installation.slots.withPermit {
            try FinishedRun(try await martlet.martlet(["run", "--output", "json"] + arguments)).report
        }
    }

    /// The first event of a run, and what it says of its session.
    private func sessions(_ report: RunReport) throws -> Set<String> {
        let text = String(decoding: try Files.read(try #require(report.transcript)), as: UTF8.self)
        return Set(
            text.split(separator: "\n").compactMap { try? JSONValue(parsing: Array($0.utf8)) }
                .filter { $0["type"]?.string == "system" && $0["subtype"]?.string == "init" }
                .compactMap { $0["session_id"]?.string }
        )
    }

    @Test func `is used wherever it will do, within the run's budget, and a report says why it was not`() async throws {
        try await Installation.with(agents: true, starts: false) { martlet in
            try martlet.model.play(Self.script)
            try await martlet.start(["--pool", "1"])
            let project = try Project("\(martlet.root)/work/waited")
            try project.write("a note\n", to: "note")
            try project.write("Mind the gap.\n", to: "CLAUDE.md")
            try await project.commit()
            let arguments = ["--dir", project.path, "--schema", findings.text(), "Look at the note."]
            var seen: Set<String> = []
            for _ in 0..<2 {
                let report = try await run(martlet, arguments)
                #expect(report.outcome == .valid && report.error == nil, "\(report)")
                #expect(report.agentWaited == true && report.whyNotWaited == nil, "\(report.whyNotWaited ?? "")")
                #expect(report.attempts.map(\.isValid) == [false, true])
                #expect(report.turns == 4 && report.usage.requests == 4)
                let id = try #require(report.sandboxID)
                for line in ["+/home/user/workspace\n", "+\(id)\n+\(id)\n"] {
                    #expect(report.diff?.contains(line) == true, "\(report.diff ?? "")")
                }
                #expect((report.durations.firstRequest ?? 0) > 0)
                let session = try #require(report.sessionID)
                #expect(try sessions(report) == [session])
                #expect(seen.insert(session).inserted)
                // The next one finds a machine that has rehearsed.
                try await waitForAgent(martlet)
            }
            let asked = Set(martlet.model.requests.compactMap { $0.headers["X-Claude-Code-Session-Id"] })
            #expect(asked == seen)
            // What is in the directory is as if it had been there from the beginning.
            let bodies = martlet.model.asked.map { $0["messages"]?.text() ?? "" }
            for words in ["Mind the gap.", "Is a git repository: true", "Current branch: main"] {
                #expect(!bodies.isEmpty && bodies.allSatisfy { $0.contains(words) }, "\(words)")
            }

            // What it spends is the run's, whoever started it.
            try martlet.model.play(["steps": [Say.bash("true"), Say.bash("true"), Say.text("Done.")]])
            let spent = try await run(martlet, ["--max-tokens", "200", "Spend it."])
            #expect(spent.outcome == .budget && spent.agentWaited == true, "\(spent)")
            try project.write("{}", to: ".claude/settings.json")
            let own = try await run(martlet, ["--timeout", "1s"] + arguments)
            #expect(own.outcome == .timedOut && own.agentWaited == false)
            #expect(own.whyNotWaited?.contains("settings of its own") == true)
        }
    }

    private func waitForAgent(_ martlet: Installation) async throws {
        try await retrying(every: .milliseconds(100), for: .seconds(120)) {
            let waiting = try await martlet.client.call(GetDaemon.self, Empty()).waiting ?? 0
            return waiting >= 2 ? () : nil
        }
    }

    @Test func `is forked for the best of several, and mended when it hands over nothing`() async throws {
        try await Installation.with(agents: true, starts: false) { martlet in
            // The first session ends without a result; what it is told then makes it hand one over.
            try martlet.model.play([
                "steps": [Say.text("Done."), Say.result(["summary": "it is mended", "issues_found": 2])]
            ])
            try await martlet.start(["--pool", "1"])
            let report = try await run(martlet, ["--best-of", "2", "--schema", findings.text(), "Say it."])
            #expect(report.outcome == .repaired, "\(report)")
            let candidates = try #require(report.candidates)
            var seen: Set<String> = []
            for candidate in candidates {
                let shown = try await martlet.client.call(GetRun.self, RunReference(id: candidate.run))
                #expect(shown.agentWaited == true && shown.outcome == .repaired, "\(shown.whyNotWaited ?? "")")
                #expect(seen.insert(try #require(shown.sessionID)).inserted)
            }
        }
    }
}
