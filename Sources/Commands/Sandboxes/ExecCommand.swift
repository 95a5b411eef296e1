import Arguments
import FoundationEssentials
import HTTP
import Linux
import RPC
import Wire

/// `martlet exec`: a program in a sandbox, as if it ran here.
enum ExecCommand {
    static let command = Command(
        "exec",
        summary: "Run a program in a sandbox",
        discussion: """
            Output, input and status are the program's own: 128 and the signal's number when a signal ended it, 125 when \
            Martlet could not run it. Ctrl-C reaches the program. From a terminal it gets a terminal of its own.
            """,
        examples: [
            .init("martlet exec i3k9 bash", "A shell"),
            .init("martlet exec i3k9 -- git -C workspace diff", "One program"),
            .init("tar c src | martlet exec i3k9 tar x", "With input from a pipe"),
        ],
        options: [
            .flag("--interactive", short: "i", "Hand standard input on; done anyway when it is no terminal"),
            .flag("--tty", short: "t", "Give it a terminal; done anyway when everything here is one"),
            .flag("--no-tty", short: "T", "Give it none"),
            .value("--user", "NAME", short: "u", "Who runs it", default: .described("user")),
            .value("--cwd", "DIR", short: "w", "Where it runs", default: .described("the user's home")),
            SharedOptions.environment,
        ],
        exclusive: [["--tty", "--no-tty"]],
        arguments: [
            Positional("ID", "The sandbox"),
            Positional("COMMAND", "The program and its arguments", kind: .passthrough(isRequired: true)),
        ],
        group: "Sandboxes"
    ) { invocation in
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
        guard let program = words.first else { throw try missing(invocation) }
        let allTerminals = surroundings.inputIsTerminal && surroundings.outputIsTerminal && surroundings.errorIsTerminal
        let hasTerminal = invocation.flag("--tty") || allTerminals && !invocation.flag("--no-tty")
        let process = ProcessConfig(
            cmd: program,
            args: Array(words.dropFirst()),
            envs: try SharedOptions.environment(invocation, surroundings),
            cwd: invocation.value("--cwd")
        )
        let daemon = try await DaemonConnection.open(surroundings)
        // The guest is reached by the whole id; here the beginning of one may be given.
        let reference = SandboxReference(id: try invocation.required("ID"))
        let sandbox = try await daemon.client.call(GetSandbox.self, reference)
        var client = daemon.client(ofSandbox: sandbox.id)
        if let user = invocation.value("--user") {
            client.headers["Authorization"] = "Basic \(Data("\(user):".utf8).base64EncodedString())"
        }
        let session = ExecSession(
            client: client,
            process: process,
            hasTerminal: hasTerminal,
            forwardsInput: invocation.flag("--interactive") || hasTerminal || !surroundings.inputIsTerminal
        )
        do {
            guard hasTerminal, surroundings.inputIsTerminal else { return try await session.run() }
            return try await Terminal.raw { try await session.run() }
        } catch let error where isBreak(error) {
            guard try await hasEnded(sandbox.id, daemon) else { throw error }
            throw CommandsError(
                .sandboxEnded,
                "The sandbox '\(sandbox.id)' ended before '\(program)' did",
                cause: error
            )
        }
    }

    /// Whether the connection to the program broke, as against an answer that says why it could not be run.
    private static func isBreak(_ error: any Error) -> Bool {
        switch error {
        case let error as CallError: error.code == .dataLoss || error.code == .unavailable
        case is HTTPError: true
        default: false
        }
    }

    /// Whether it was the sandbox's end that cut a program off. The daemon hears of it a moment after the connection broke.
    private static func hasEnded(_ id: String, _ daemon: DaemonConnection) async throws -> Bool {
        do {
            return try await retrying(every: .milliseconds(20), for: .seconds(2)) {
                do {
                    _ = try await daemon.client.call(GetSandbox.self, SandboxReference(id: id))
                    return nil
                } catch let error as CallError {
                    return error.code == .notFound
                }
            }
        } catch let error where !(error is CancellationError) {
            // Nobody knows, or there is no daemon any more; the first error says what is known.
            return false
        }
    }

    private static func missing(_ invocation: Invocation) throws -> ArgumentsError {
        invocation.invalid("COMMAND", expected: "a program")
    }
}
