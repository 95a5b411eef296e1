import Arguments
import Linux
import RPC
import Wire

/// A person's terminal, joined to a shell in a sandbox.
struct TerminalSession: Sendable {
    let daemon: DaemonConnection
    let sandbox: SandboxInfo
    /// Reaches the guest, as the user whose shell it is.
    let client: CallClient
    let target: ExecSession.Target

    /// The shell of a new session.
    static func shell(_ invocation: Invocation, _ surroundings: Surroundings) throws -> ProcessConfig {
        ProcessConfig(
            cmd: "/bin/bash",
            args: ["-i", "-l"],
            envs: try SharedOptions.environment(invocation, surroundings),
            cwd: invocation.value("--cwd")
        )
    }

    /// Refuses to begin where there is no person to type.
    static func needsTerminal(_ surroundings: Surroundings, instead: String) throws(CommandsError) {
        guard surroundings.inputIsTerminal, surroundings.outputIsTerminal else {
            throw CommandsError(.unusableInput, "Standard input or output is no terminal; \(instead)")
        }
    }

    /// Runs the shell to its end, or until the person leaves it.
    func run() async throws -> ExecSession.End {
        await StandardStream.say("this is sandbox '\(sandbox.id)'; \(SandboxOptions.detach)")
        let session = ExecSession(client: client, target: target, input: .detachableTerminal)
        do {
            let end = try await TerminalMode.raw { try await session.run() }
            if case .exited(let status) = end {
                await StandardStream.say("the shell ended with status \(status.rawValue)")
            }
            return end
        } catch {
            throw try await daemon.explained(error, of: "the shell", in: sandbox)
        }
    }

    /// What is said to a person who has left a shell.
    func sayDetached(_ pid: UInt32) async {
        await StandardStream.say(
            "detached; 'martlet sandbox connect \(sandbox.id) --process \(pid)' comes back to this shell"
        )
    }
}
