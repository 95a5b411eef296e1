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
        let ending = [SIGINT, SIGTERM, SIGHUP].filter { !isIgnored($0) }
        signal(SIGPIPE, SIG_IGN)
        runMainTask(blocking: ending + [SIGWINCH]) {
            await status(of: Array(CommandLine.arguments.dropFirst()), endedBy: ending).rawValue
        }
    }

    private static func status(of words: [String], endedBy ending: [Int32]) async -> Status {
        let environment = ProcessInfo.processInfo.environment
        do {
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
            case .run(let run, let invocation):
                return try await interruptible(by: ending) { try await run(invocation) }
            }
        } catch let error as LinuxError where error.code == .brokenPipe {
            // Whoever read our output has enough: the silent end that SIGPIPE would have been.
            return .signalled(SIGPIPE)
        } catch is CancellationError {
            return .signalled(SIGINT)
        } catch {
            await StandardStream.say("\(error)")
            return Status(error)
        }
    }

    /// Runs a command until it ends. A signal that it does not take for itself cancels it; the next ends the process.
    private static func interruptible(
        by ending: [Int32],
        _ body: @Sendable @escaping () async throws -> Status
    ) async throws -> Status {
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
            if let signal = cancelled.current { return .signalled(signal) }
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
