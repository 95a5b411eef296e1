import FoundationEssentials
import Linux
import Records
import Testing
import Wire

/// Runs that are had again from what was recorded.
@Suite(.serialized, .enabled(if: Installation.isPossible, Installation.absence), .sharedInstallation)
struct `a recorded run` {
    private static let secret = "hunter2-and-more-of-it"

    private func run(_ martlet: Installation, _ line: [String]) async throws -> FinishedRun {
        try await Installation.slots.withPermit { FinishedRun(try await martlet.martlet(line)) }
    }

    @Test func `is had again offline, for nothing, and holds no secret`() async throws {
        let martlet = try shared()
        let project = try Project("\(martlet.root)/work/taped")
        try project.write("one\n", to: "file.txt")
        let tape = "\(martlet.root)/work/tape"
        let script = Say.steps(
            Say.bash("echo two >> file.txt; echo \"the token is $MY_TOKEN\""),
            Say.result(["summary": "Two lines.", "issues_found": 2]),
            Say.text("The key is \(Installation.key).")
        )
        let schema = "\(martlet.root)/work/taped.json"
        try Files.write(findings.encoded(), to: schema)
        let same = [
            "--dir", project.path, "--schema", schema, "--env", "MY_TOKEN=\(Self.secret)", "Count the lines",
        ]
        let first = try await run(martlet, try martlet.runArguments(script, ["--record", tape] + same))
        let report = try first.ended(.valid)
        #expect(report.usage.requests == 3)

        let names = Files.list(tape).sorted()
        #expect(names == ["0001.json", "0002.json", "0003.json"])
        for name in names {
            let text = String(decoding: try Files.read("\(tape)/\(name)"), as: UTF8.self)
            #expect(!text.contains(Self.secret) && !text.contains(Installation.key), "\(name)")
        }
        let last = String(decoding: try Files.read("\(tape)/0003.json"), as: UTF8.self)
        #expect(last.contains("‹secret MY_TOKEN›"))

        // The script that the requests name does not exist: whoever asked the model would fail.
        let nobody = ["run", "--output", "json", "--env", "ANTHROPIC_CUSTOM_HEADERS=\(Model.header): nobody"]
        let second = try await run(martlet, nobody + ["--replay", tape] + same)
        let again = try second.ended(.valid)
        #expect(again.result == report.result && again.diff == report.diff && again.turns == report.turns)
        #expect(again.usage.requests == 0 && again.costUSD == 0)

        let other = try await run(martlet, nobody + ["--replay", tape] + same.dropLast() + ["Count the words"])
        let failed = try other.ended(.agentFailed)
        #expect(failed.error?.code == "not_recorded")
        #expect(failed.error?.message.contains("Count the lines") == true)
        #expect(failed.error?.message.contains("\n+ messages[") == true)

        let more = Array(same.dropLast()) + ["Count the words"]
        let hybrid = try martlet.runArguments(script, ["--replay", tape, "--record-missing"] + more)
        #expect(try await run(martlet, hybrid).ended(.valid).usage.requests == 3)
        #expect(Files.list(tape).count == 6)

        let twice = try await run(martlet, nobody + ["--record", tape, "Go"])
        twice.wasRefused("holds a recording already", status: 1)
    }

    @Test func `may be one that a person has written as a script`() async throws {
        let martlet = try shared()
        let path = "\(martlet.root)/work/script.json"
        try Files.write(Say.steps(Say.bash("echo there"), Say.text("As it is written.")).encoded(), to: path)
        let run = try await run(martlet, ["run", "--output", "json", "--replay", path, "Go"])
        let report = try run.ended(.valid)
        #expect(report.result == "As it is written." && report.costUSD == 0)
        let missing = try await martlet.martlet(["run", "--replay", "\(path).not", "Go"])
        FinishedRun(missing).wasRefused("There is no cassette")
        let recorded = try await martlet.martlet(["run", "--replay", path, "--record-missing", "Go"])
        FinishedRun(recorded).wasRefused("is no folder")
    }
}
