import Arguments
import FoundationEssentials
import Records
import Testing
import Wire

@testable import Commands

@Suite struct `the keys of a person who leaves` {
    @Test(arguments: [
        (["~."], "", true), (["ls\r", "~", "."], "ls\r", true), (["ls\n~.more"], "ls\n", true),
        (["a~.b"], "a~.b", false),
        (["~~."], "~.", false), (["~", "x"], "~x", false), (["~\r", "~."], "~\r", true), (["\r~"], "\r", false),
        (["~\r~~\r~."], "~\r~\r", true), ([""], "", false),
    ])
    func `are found at the start of a line`(_ parts: [String], _ passed: String, _ leaves: Bool) {
        var keys = DetachKeys()
        var bytes: [UInt8] = []
        var isLeaving = false
        for part in parts where !isLeaving {
            let read = keys.read(Array(part.utf8))
            bytes += read.bytes
            isLeaving = read.isLeaving
        }
        #expect(String(decoding: bytes, as: UTF8.self) == passed)
        #expect(isLeaving == leaves)
    }

    @Test func `mean the same one by one`() {
        let typed = Array("~~x\r~ y\r~.".utf8)
        var (whole, single) = (DetachKeys(), DetachKeys())
        let all = whole.read(typed)
        var bytes: [UInt8] = []
        var isLeaving = false
        for key in typed {
            let read = single.read([key])
            bytes += read.bytes
            isLeaving = read.isLeaving
        }
        #expect(bytes == all.bytes)
        #expect(isLeaving && all.isLeaving)
    }
}

@Suite struct `a filter for sandboxes` {
    private func sandbox(_ metadata: [String: String], _ state: SandboxState?) -> SandboxInfo {
        SandboxInfo(
            id: "i1",
            template: "claude",
            created: Date(timeIntervalSince1970: 0),
            ends: nil,
            metadata: metadata,
            processors: 2,
            memoryMiB: 512,
            isolation: "microvm (tcg)",
            processID: 1,
            state: state
        )
    }

    @Test func `takes those of which all is true`() {
        let ana = sandbox(["user": "ana", "n": "1"], .running)
        #expect(SandboxFilter().includes(ana))
        #expect(SandboxFilter(metadata: ["user": "ana", "n": "1"]).includes(ana))
        #expect(!SandboxFilter(metadata: ["user": "ana", "n": "2"]).includes(ana))
        #expect(!SandboxFilter(metadata: ["other": ""]).includes(ana))
        #expect(!SandboxFilter(states: [.paused]).includes(ana))
        #expect(SandboxFilter(states: [.paused]).includes(sandbox([:], .paused)))
        // From a daemon that says nothing about states.
        #expect(SandboxFilter(states: [.running]).includes(sandbox([:], nil)))
    }

    @Test(
        arguments: [
            ("a=1", ["a": "1"]), ("a=1,b=2", ["a": "1", "b": "2"]), ("a=1,2,b=", ["a": "1,2", "b": ""]),
            ("a=b=c", ["a": "b=c"]), ("a=,", ["a": ","]),
        ] as [(String, [String: String])]
    )
    func `reads pairs with commas between them`(_ word: String, _ pairs: [String: String]) throws {
        #expect(try SandboxFilter.pairs(word) == pairs)
    }

    @Test(arguments: ["", "a", "=b", ",a=1"]) func `refuses what is no pair`(_ word: String) {
        #expect(throws: CommandsError.self) { try SandboxFilter.pairs(word) }
    }

    @Test(arguments: [
        ["sbx", "list", "--state", "sleeping"], ["ls", "--state", ","], ["kill", "--all", "--state", "running;"],
    ])
    func `says which states there are`(_ words: [String]) async throws {
        guard case .run(let run, let invocation) = try CommandTree.root.parse(words) else {
            throw Failed(what: "no command")
        }
        await #expect {
            _ = try await run(invocation)
        } throws: { error in
            "\(error)".contains("running, paused") && Status(error) == .usage
        }
    }
}

@Suite struct `a line of a log` {
    private func line(_ kind: JournalEntry.Kind, _ text: String) -> LogLine {
        LogLine(
            JournalEntry(sequence: 1, time: Date(timeIntervalSince1970: 0.25), kind: kind, pid: 31, text: text)
        )
    }

    @Test func `is of a level and a logger`() {
        #expect(line(.started, "ls -l").level == .info)
        #expect(line(.error, "no").level == .warn)
        #expect(line(.ended, "exit status 0").level == .info)
        #expect(line(.ended, "signal: killed").level == .error)
        #expect(line(.error, "no").logger == "process.31.stderr")
        let errors = LogLine.Filter(level: .warn)
        #expect(errors.includes(line(.error, "")) && !errors.includes(line(.output, "")))
        let output = LogLine.Filter(loggers: ["process.31.stdo", "other"])
        #expect(output.includes(line(.output, "")) && !output.includes(line(.error, "")))
    }

    @Test func `is text for people and JSON for programs`() throws {
        let place = try Place()
        let pipe = Surroundings(environment: [:], home: .init(place.path))
        #expect(
            try line(.output, "a\u{1B}[1mb").rendered(as: .text, pipe)
                == "1970-01-01T00:00:00.250Z INFO  process.31.stdout a\u{1B}[1mb\n"
        )
        #expect(
            try line(.output, "b").rendered(as: .json, pipe)
                == #"{"level":"info","logger":"process.31.stdout","message":"b","timestamp":"1970-01-01T00:00:00.250Z"}"#
                + "\n"
        )
        // What a guest wrote must not reach a terminal as it is.
        let terminal = Surroundings(environment: ["NO_COLOR": "1"], home: .init(place.path), outputIsTerminal: true)
        #expect(try !line(.output, "a\u{1B}[1mb").rendered(as: .text, terminal).contains("\u{1B}"))
    }

    @Test func `of metrics says how much of what there is`() {
        let sample = MetricSample(
            time: Date(timeIntervalSince1970: 0),
            processors: 2,
            processorPercent: 150.04,
            memoryUsed: 300 << 20,
            memoryTotal: 1 << 30,
            memoryCached: 0,
            diskUsed: 1 << 30,
            diskTotal: 4 << 30
        )
        #expect(
            MetricsCommand.line(sample, Style(isOn: false))
                == "1970-01-01T00:00:00Z  CPU 150.0% of 200%  memory 300 MiB of 1.0 GiB  disk 1.0 GiB of 4.0 GiB\n"
        )
    }
}

@Suite struct `the commands about sandboxes` {
    @Test(arguments: [
        (["sbx", "cr", "base", "-d"], "martlet sandbox create"), (["sandbox", "cn", "i1"], "martlet sandbox connect"),
        (["sbx", "ls", "-f", "json"], "martlet sandbox list"), (["sbx", "in", "i1"], "martlet sandbox info"),
        (["sbx", "ex", "i1", "ls", "-la"], "martlet sandbox exec"),
        (["sbx", "lg", "i1", "-f", "--format", "json"], "martlet sandbox logs"),
        (["sbx", "mt", "i1"], "martlet sandbox metrics"), (["sbx", "kl", "-a", "-m", "a=b"], "martlet sandbox kill"),
        (["sbx", "timeout", "i1", "60"], "martlet sandbox timeout"), (["exec", "-w", "/", "i1", "ls"], "martlet exec"),
        (["logs", "i1"], "martlet logs"),
    ])
    func `are named as E2B's are`(_ words: [String], _ path: String) throws {
        guard case .run(_, let invocation) = try CommandTree.root.parse(words) else { throw Failed(what: "no command") }
        #expect(invocation.path.text == path)
    }

    @Test func `take the other words for the same output`() throws {
        for (words, format) in [
            (["ls", "--format", "pretty"], OutputFormat.text), (["sbx", "info", "-f", "json", "i"], .json),
        ] {
            guard case .run(_, let invocation) = try CommandTree.root.parse(words) else {
                throw Failed(what: "no command")
            }
            #expect(try SharedOptions.format(invocation) == format)
        }
    }
}
