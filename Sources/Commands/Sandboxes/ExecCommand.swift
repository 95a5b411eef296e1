import Arguments
import Linux
import RPC
import Terminals
import Wire

/// `martlet exec` and `martlet sandbox exec`: a program in a sandbox, as if it ran here.
enum ExecCommand {
    static func command(as name: String = "exec", aliases: [String] = [], in group: String? = nil) -> Command {
        let path = group == nil ? "martlet sandbox \(name)" : "martlet \(name)"
        return Command(
            name,
            aliases: aliases,
            summary: "Run a program in a sandbox",
            discussion: """
                Output, input and status are the program's own: 128 and the signal's number when a signal ended it, 125 when \
                Martlet could not run it. Ctrl-C reaches the program, and a second one kills it. From a terminal it gets a \
                terminal of its own; else its three streams stay apart. A connection that breaks is made again, and nothing \
                is lost; a program that nobody comes back to is ended after two minutes.
                """,
            examples: [
                .init("\(path) i3k9 bash", "A shell"),
                .init("\(path) i3k9 -- git -C workspace diff", "One program"),
                .init("tar c src | \(path) i3k9 tar x", "With input from a pipe"),
                .init("\(path) --background i3k9 python3 -m http.server", "A server that stays"),
            ],
            options: [
                .flag("--background", short: "b", "Leave it running, and print its process id on standard error"),
                .flag("--interactive", short: "i", "Hand standard input on; done anyway when it is no terminal"),
                .flag("--tty", short: "t", "Give it a terminal; done anyway when everything here is one"),
                .flag("--no-tty", short: "T", "Give it none"), SandboxOptions.user, SandboxOptions.directory,
                SharedOptions.environment,
            ],
            exclusive: [["--tty", "--no-tty"], ["--background", "--tty"], ["--background", "--interactive"]],
            arguments: [
                SandboxOptions.sandbox,
                Positional("COMMAND", "The program and its arguments", kind: .passthrough(isRequired: true)),
            ],
            group: group,
            run: run
        )
    }

    @Sendable
    private static func run(_ invocation: Invocation) async throws -> Status {
        let surroundings = try Surroundings(invocation)
        do {
            return try await run(invocation, surroundings)
        } catch let error where !(error is CancellationError || error is ArgumentsError) {
            if let error = error as? LinuxError, error.code == .brokenPipe { throw error }
            await StandardStream.say("\(error)")
            return .execFailed
        }
    }

    private static func run(_ invocation: Invocation, _ surroundings: Surroundings) async throws -> Status {
        let words = invocation.values("COMMAND")
        guard let program = words.first else { throw invocation.invalid("COMMAND", expected: "a program") }
        let process = ProcessConfig(
            cmd: program,
            args: Array(words.dropFirst()),
            envs: try SharedOptions.environment(invocation, surroundings),
            cwd: invocation.value("--cwd")
        )
        let daemon = try await DaemonConnection.open(surroundings)
        let (sandbox, client) = try await SandboxOptions.reach(invocation, daemon)
        if invocation.flag("--background") { return try await startInBackground(process, client) }
        let sockets = daemon.sockets(client, of: sandbox.id)
        do {
            switch input(invocation, surroundings) {
            case .terminal:
                let opening = TerminalOpening(user: invocation.value("--user"), process: process)
                let session = TerminalSession(sockets: sockets, opening: opening, canDetach: false)
                guard case .exited(let status) = try await session.run() else { return .execFailed }
                return status
            case .stream: return try await ProgramPipes(sockets: sockets, process: process).run()
            case .none: return try await ProgramPipes(sockets: sockets, process: process, hasInput: false).run()
            }
        } catch {
            throw try await daemon.explained(error, of: program, in: sandbox)
        }
    }

    /// What becomes of our standard input.
    private enum Input {
        case none, stream, terminal
    }

    private static func input(_ invocation: Invocation, _ surroundings: Surroundings) -> Input {
        let allTerminals = surroundings.inputIsTerminal && surroundings.outputIsTerminal && surroundings.errorIsTerminal
        if invocation.flag("--tty") || allTerminals && !invocation.flag("--no-tty") { return .terminal }
        return invocation.flag("--interactive") || !surroundings.inputIsTerminal ? .stream : .none
    }

    /// Starts a program and leaves it: it outlives whoever listens to it.
    private static func startInBackground(_ process: ProcessConfig, _ client: CallClient) async throws -> Status {
        let request = StartProcess.Request(process: process, stdin: false)
        let pid = try await client.stream(StartProcess.self, request) { try await $0.next()?.event.start?.pid }
        guard let pid else { throw CallError(.dataLoss, "The sandbox did not say which process it started") }
        try await StandardStream.error.write("\(pid)\n")
        return .success
    }
}
