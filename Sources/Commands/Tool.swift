import Arguments
import FoundationEssentials
import Glibc
import Linux
import Wire

/// The program `martlet`: understands its line, does what it says, and ends with the status that tells how it went.
package enum Tool {
    /// Runs the program. Nothing may have been started before, since signals must be blocked in every thread; the first one
    /// waits in ``runMainTask(blocking:_:)``, which says why this is no asynchronous `main`.
    package static func main() -> Never {
        main { words in .status(try await run(words)) }
    }

    /// How a program ends.
    package enum End: Sendable {
        case status(Status)
        /// As one that a signal ended, which is not the same as a status that tells of it.
        case signal(Int32)
    }

    /// Runs a program that is given its arguments, with all that signals and broken pipes ask for.
    package static func main(_ body: @Sendable @escaping ([String]) async throws -> End) -> Never {
        let ending = [SIGINT, SIGTERM, SIGHUP].filter { !isIgnored($0) }
        signal(SIGPIPE, SIG_IGN)
        runMainTask(blocking: ending + [SIGWINCH]) {
            let words = Array(CommandLine.arguments.dropFirst())
            switch await end(of: ending, { try await body(words) }) {
            case .status(let status): return status.rawValue
            case .signal(let number):
                die(of: number)
                return Status.signalled(number).rawValue
            }
        }
    }

    /// Ends this process by a signal; does nothing where the signal does not end processes.
    private static func die(of number: Int32) {
        signal(number, SIG_DFL)
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, number)
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        pthread_kill(pthread_self(), number)
    }

    private static func run(_ words: [String]) async throws -> Status {
        let environment = ProcessInfo.processInfo.environment
        switch try CommandTree.root.parse(words, environment: environment) {
        case .help(let path):
            let isTerminal = isatty(STDOUT_FILENO) == 1
            let width = min(100, Terminal.size(STDOUT_FILENO).map { Int($0.cols) } ?? 80)
            let isStyled = isTerminal && (environment["NO_COLOR"] ?? "").isEmpty
            try await StandardStream.output.write(path.help(width: width, isStyled: isStyled))
            return .success
        case .version:
            try await StandardStream.output.write("martlet \(Version.current)\n")
            return .success
        case .run(let run, let invocation): return try await run(invocation)
        }
    }

    /// - Parameter ending: the signals that end it.
    private static func end(of ending: [Int32], _ body: @Sendable @escaping () async throws -> End) async -> End {
        do {
            return try await interruptible(by: ending, body)
        } catch let error as LinuxError where error.code == .brokenPipe {
            // Whoever read our output has enough: the silent end that SIGPIPE would have been.
            return .status(.signalled(SIGPIPE))
        } catch is CancellationError {
            return .status(.signalled(SIGINT))
        } catch {
            await StandardStream.say("\(error)")
            return .status(Status(error))
        }
    }

    /// Runs a command until it ends. A signal that it does not take for itself cancels it; the next ends the process.
    private static func interruptible(
        by ending: [Int32],
        _ body: @Sendable @escaping () async throws -> End
    ) async throws -> End {
        let signals = try Signals(ending + [SIGWINCH])
        let cancelled = Latch<Int32>()
        // Tasks of their own and no group: the signal cancels the command alone, and is listened to until it has ended.
        let command = Task { try await body() }
        let listener = Task {
            while let signal = try? await signals.next() {
                let isFirst = cancelled.current == nil
                if signal == SIGWINCH || isFirst, Interrupts.shared.take(signal) || signal == SIGWINCH { continue }
                if !isFirst {
                    TerminalMode.restore()
                    _exit(Status.signalled(signal).rawValue)
                }
                cancelled.set(signal)
                command.cancel()
            }
        }
        defer { listener.cancel() }
        do {
            return try await command.value
        } catch {
            // Whatever broke while it was being ended is a part of its end.
            if let signal = cancelled.current { return .status(.signalled(signal)) }
            throw error
        }
    }

    /// Whether whoever started us wants this signal to have no effect, as `nohup` does.
    private static func isIgnored(_ signal: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(signal, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }
}
