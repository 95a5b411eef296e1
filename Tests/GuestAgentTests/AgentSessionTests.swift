import ClaudeAgent
import FoundationEssentials
import GuestLink
import Linux
import RPC
import Synchronization
import Testing
import Wire

@testable import GuestAgent
@testable import Sandboxes

/// A program that plays Claude Code by a script of shell, behind a real guest's agent.
@Suite struct `a session with a program in a guest` {
    /// Answers `initialize`, reads the prompt, and goes on with `then`.
    private static func script(_ then: String) -> String {
        #"""
        reply() { printf '{"type":"control_response","response":{"subtype":"success","request_id":"%s","response":{}}}\n' "$1"; }
        id() { printf '%s' "$1" | sed -n 's/.*"request_id":"\([^"]*\)".*/\1/p'; }
        result='{"type":"result","subtype":"success","is_error":false,"session_id":"s","result":"done"}'
        read -r line; reply "$(id "$line")"
        read -r line

        """# + then
    }

    private func program(_ agent: RunningAgent, _ script: String, tag: String? = nil) async throws -> AgentInGuest {
        var command = GuestLink.Command("/bin/bash", ["-c", Self.script(script)])
        command.tag = tag
        return try await AgentInGuest.start(command, in: agent.link)
    }

    private func options(unread: Int = 1024 * 1024) -> AgentOptions {
        AgentOptions {
            $0.limits.unread = unread
            $0.limits.startup = .seconds(60)
        }
    }

    @Test func `loses nothing although its reader stalls, and ends when all is said`() async throws {
        try await RunningAgent.run { agent in
            // Far more than all that is between the program and its reader; the program is not held up by it.
            let script = #"""
                text=$(head -c 100000 /dev/zero | tr '\0' x)
                for number in $(seq 200); do printf '{"type":"noise","number":%s,"text":"%s"}\n' "$number" "$text"; done
                echo "$result"; touch "$HOME/written"
                """#
            let program = try await program(agent, script)
            let session = try await AgentSession.open(program, options())
            try await session.send("Go")
            session.endWhenSettled()
            try await retrying(every: .milliseconds(5), for: .seconds(60)) {
                Files.exists("\(agent.home)/written") ? () : nil
            }
            var numbers: [Int64] = []
            var result: ResultMessage?
            for try await message in session.messages {
                if let number = message.raw["number"]?.integer { numbers.append(number) }
                if case .result(let message) = message { result = message }
            }
            #expect(numbers == (1...200).map { $0 } && result?.text == "done")
            #expect(program.ending?.exit == .exited(0) && program.ending?.words == nil)
        }
    }

    @Test func `tells how a program ended that gave no result`() async throws {
        try await RunningAgent.run { agent in
            for (script, exit, words) in [
                ("kill -TERM $$", AgentExit.signalled(15), "signal: terminated"),
                ("echo why >&2; exit 3", .exited(3), "exit status 3"),
            ] {
                let program = try await program(agent, script)
                let session = try await AgentSession.open(program, options())
                let error = await #expect(throws: AgentError.self) { try await session.ask("Go") }
                #expect(error?.code == .exited && error?.exit == exit)
                #expect(program.ending?.words == words)
            }
            // A clean end proves nothing, and neither does a result that was cut.
            let silent = try await AgentSession.open(try await program(agent, "exit 0"), options())
            #expect(await #expect(throws: AgentError.self) { try await silent.ask("Go") }?.code == .noResult)
            let cut = try await AgentSession.open(try await program(agent, "printf '%.50s' \"$result\""), options())
            #expect(await #expect(throws: AgentError.self) { try await cut.ask("Go") }?.code == .outputCut)
        }
    }

    @Test func `that is given up kills its own program, and leaves alone one that it joined`() async throws {
        try await RunningAgent.run { agent in
            let script = #"""
                while read -r line; do case $line in *control_request*) reply "$(id "$line")" ;; *) echo "$result" ;; esac; done
                """#
            var pids: [UInt32] = []
            func running() async throws -> Set<UInt32> {
                Set(try await agent.link.call(ListProcesses.self, Empty()).processes.map(\.pid))
            }
            let first = try await AgentSession.open(try await program(agent, script, tag: "waits"), options())
            pids = Array(try await running())
            try await first.send("Go")
            for _ in 0..<2 {
                let joined = try await GuestSession.joining("waits", in: agent.link, isOwn: false)
                try await joined.session.catchUp()
                #expect(try await joined.session.ask("Again").text == "done")
                await joined.session.abandon()
                #expect(try await running() == Set(pids))
            }
            let taken = try await GuestSession.joining("waits", in: agent.link, isOwn: true)
            try await taken.session.renewRandomness()
            await taken.session.abandon()
            #expect(try await running().isEmpty)
            await #expect(throws: AgentError.self) { for try await _ in first.messages {} }
        }
    }

    @Test func `ends when its guest is lost, and says that it was the line`() async throws {
        let session = Mutex<AgentSession?>(nil)
        try await RunningAgent.run { agent in
            let opened = try await AgentSession.open(try await program(agent, "sleep 1000"), options())
            session.withLock { $0 = opened }
            try await opened.send("Go")
        }
        let lost = try #require(session.withLock { $0 })
        let error = await #expect(throws: AgentError.self) {
            try await withDeadline(.seconds(60)) { for try await _ in lost.messages {} }
        }
        #expect(error?.code == .connectionLost || error?.code == .exited)
    }

    @Test func `finds no Claude Code where there is none`() async throws {
        try await RunningAgent.run { agent in
            let error = await #expect(throws: AgentError.self) {
                _ = try await GuestSession.starting(
                    in: agent.link,
                    user: "user",
                    directory: agent.home,
                    AgentOptions { $0.environment = ["PATH": "/nowhere"] }
                )
            }
            #expect(error?.code == .launchFailed)
        }
    }
}
