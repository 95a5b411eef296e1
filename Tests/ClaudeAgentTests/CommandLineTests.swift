import Testing
import Wire

@testable import ClaudeAgent

@Suite struct `a command line` {
    private func arguments(_ change: (inout AgentOptions) -> Void) throws -> [String] {
        try AgentOptions(change).launch().arguments.map {
            switch $0 {
            case .text(let text): text
            case .file(let prefix, let contents): "\(prefix)<\(contents.count)>"
            }
        }
    }

    private let common = ["--output-format=stream-json", "--verbose", "--input-format=stream-json"]

    @Test func `is short by default`() throws {
        #expect(try arguments { _ in } == common + ["--system-prompt="])
        #expect(try arguments { $0.systemPrompt = .claudeCode() } == common)
    }

    @Test func `has every option in a form that nothing else can be taken for`() throws {
        let arguments = try arguments { options in
            options.systemPrompt = .claudeCode(append: "--model=x")
            options.model = "opus"
            options.thinking = .tokens(100)
            options.maxTurns = 3
            options.maxBudgetUSD = 0.5
            options.tools = []
            options.allowedTools = ["Read", "Bash(git log:*)"]
            options.permissionMode = .acceptEdits
            options.canUseTool = { _ in .allow() }
            options.session = .resumed("id", fork: true, at: "m")
            options.isPersistent = false
            options.additionalDirectories = ["/a", "/b"]
            options.settingSources = []
            options.extraArguments = ["--bare", "--x=-1"]
        }
        #expect(
            arguments == common + [
                "--append-system-prompt=--model=x", "--model=opus", "--max-thinking-tokens=100", "--max-turns=3",
                "--max-budget-usd=0.5", "--tools=", "--allowedTools=Read,Bash(git log:*)",
                "--permission-mode=acceptEdits", "--permission-prompt-tool=stdio", "--resume=id", "--fork-session",
                "--resume-session-at=m", "--no-session-persistence", "--add-dir=/a", "--add-dir=/b",
                "--setting-sources=", "--bare", "--x=-1",
            ]
        )
        #expect(try self.arguments { $0.askUser = { _ in [] } }.contains("--permission-prompt-tool=stdio"))
    }

    @Test func `keeps secrets and long texts in files`() throws {
        let long = String(repeating: "x", count: 200_000)
        #expect(try arguments { $0.systemPrompt = .text(long) }.last == "--system-prompt-file=<200000>")
        let servers = try arguments { $0.mcpServers["web"] = .http("http://h", headers: ["X-Key": "secret"]) }
        #expect(servers.last?.hasPrefix("--mcp-config=<") == true)
        let own = try arguments { $0.mcpServers["calc"] = .tools([]) }
        #expect(own.last == #"--mcp-config={"mcpServers":{"calc":{"name":"calc","type":"sdk"}}}"#)
        #expect(try arguments { $0.settings = ["env": ["KEY": "secret"]] }.last?.hasPrefix("--settings=<") == true)
        #expect(throws: AgentError.self) { try self.arguments { $0.model = long } }
    }

    @Test func `sets what makes the end of a run known, and keeps out what it runs in`() throws {
        let launch = try AgentOptions { $0.environment = ["A": "1"] }.launch()
        #expect(launch.environment["A"] == "1" && launch.environment["CLAUDE_CODE_SDK_READS_SESSION_STATE"] == "1")
        #expect(launch.removedVariables.contains("CLAUDECODE"))
    }

    @Test(arguments: [1, 2, 3, 100])
    func `cuts lines wherever the pieces end`(size: Int) throws {
        var framer = LineFramer(limit: 5)
        let bytes = Array("a\n\r\n\nbä\r\nccccc\nrest".utf8)
        var lines: [[UInt8]] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            lines += try framer.add(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        #expect(lines.map { String(decoding: $0, as: UTF8.self) } == ["a", "bä", "ccccc"])
        #expect(framer.rest == Array("rest".utf8))
        #expect(throws: AgentError.self) { try framer.add([0x61, 0x61]) }
    }
}
