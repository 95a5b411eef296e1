import FoundationEssentials
import Sandboxes
import Testing
import Wire

@testable import Runs

@Suite struct `a run's choice of its agent` {
    private func why(_ prompt: String = "Go", _ set: (inout RunOptions) -> Void = { _ in }) -> String? {
        var options = RunOptions(prompt: Data(prompt.utf8))
        set(&options)
        return options.whyOwnAgent
    }

    @Test func `is the one that waits unless something must be said when it starts`() {
        #expect(why() == nil)
        #expect(
            why {
                $0.schema = ["type": "object"]
                $0.toolDescription = "Hand it over"
                $0.maxCostUSD = 1
                $0.maxTokens = 1000
                $0.timeout = 60
                $0.artifacts = ["out"]
                $0.allow = ["example.com"]
                $0.volumes = [VolumeWish(name: "data", path: "/mnt/data")]
                $0.bestOf = 3
            } == nil
        )
    }

    private static let causes: [(reason: String, set: @Sendable (inout RunOptions) -> Void)] = [
        ("a limit of turns", { $0.maxTurns = 3 }),
        ("the model", { $0.model = "claude-haiku-4-5" }),
        ("a system prompt", { $0.systemPrompt = "Be brief." }),
        ("its tools", { $0.allowedTools = ["Read"] }),
        ("its tools", { $0.disallowedTools = [] }),
        ("its variables", { $0.environment = ["A": "b"] }),
        ("the directory", { $0.directory = "repo" }),
        ("recorded or played", { $0.cassette = CassetteChoice(path: "/c", mode: .replay) }),
        ("a name of its own", { ($0.schema, $0.toolName) = ([:], "hand_over") }),
        ("a volume", { $0.volumes = [VolumeWish(name: "home", path: "//home/user/")] }),
        ("no text", { $0.prompt = Data([0xFF, 0xFE]) }),
        ("like a command", { $0.prompt = Data("/clear".utf8) }),
    ]

    @Test func `is one of its own where it must be, and the reason is told`() {
        for cause in Self.causes {
            let told = why("Go", cause.set) ?? "nothing"
            #expect(told.contains(cause.reason))
        }
    }

    @Test func `knows which mounts would change what the agent has seen`() {
        for path in [
            "/home", "/home/user", "/home/user/workspace", "/home/user/workspace/", "/home/user/.claude/skills", "/etc",
        ] {
            #expect(WaitingAgent.knows(path), "\(path)")
        }
        for path in [
            "/mnt/data", "/home/user/data", "/home/user/workspace/data", "/home/user/workspaces", "/etc/claude",
        ] {
            #expect(!WaitingAgent.knows(path), "\(path)")
        }
    }
}
