import Linux
import RPC
import Testing
import Wire

extension Martlet {
    @Suite(.enabled(if: PythonPrograms.isPossible, PythonPrograms.absence)) struct `Claude Code at a terminal` {
        /// Seen by `Tests/python/claude/terminal.py`, with a terminal emulator for eyes.
        @Test func `is a chat at once, at any size, and again after its person left and came back`() async throws {
            let martlet = try shared()
            let script = Say.steps(Say.text("Very well, thank you."), Say.text("Very well, thank you."))
            let headers = "\(Model.header): \(try martlet.model.add(script))"
            try await Installation.slots.withPermit {
                let sandbox = try await martlet.client.call(
                    CreateSandbox.self,
                    .init(template: "claude", environment: ["ANTHROPIC_CUSTOM_HEADERS": headers])
                )
                var program = try Program(
                    PythonPrograms.interpreter(of: "claude"),
                    ["-B", "terminal.py", Installation.binary, sandbox.id],
                    directory: Installation.packageRoot + "/Tests/python/claude"
                )
                program.environment = martlet.environment.merging(["TERM": "xterm-256color"]) { _, own in own }
                let person = try await withDeadline(Installation.deadline) { [program] in try await program.run() }
                #expect(person.status == .exited(0), "\(person.errorText)")
                let seen = try JSONValue(parsing: person.output)
                #expect(seen["chat"] == true && seen["asked"] == [])
                #expect(seen["left"] == 0 && seen["said"] == true)
                for (name, width) in [("width", 100), ("wide", 132), ("narrow", 90)] as [(String, Int64)] {
                    #expect(seen[name]?.integer.map { $0 > width - 10 && $0 <= width } == true, "\(seen)")
                }
                try await martlet.martlet(["kill", sandbox.id])
            }
        }
    }
}
