import Glibc
import Synchronization

@testable import Linux

/// A program that is watched while it runs.
final class LiveProgram: Sendable {
    private struct State {
        var output: [UInt8] = []
        var error: [UInt8] = []
        var expected: [(text: String, latch: Latch<Bool>)] = []
        var isOver = false
    }

    let child: ChildProcess
    private let state = Mutex(State())

    private init(_ child: ChildProcess) {
        self.child = child
    }

    /// Starts a program and gives its output when both it and `body` have ended; it is killed when `body` throws.
    static func with<Result: Sendable>(
        _ path: String,
        _ arguments: [String],
        environment: [String: String],
        directory: String,
        _ body: @Sendable @escaping (LiveProgram) async throws -> Result
    ) async throws -> (output: Program.Output, result: Result) {
        let (output, error) = (try Descriptor.pipe(), try Descriptor.pipe())
        var spawn = Spawn(
            path: path,
            arguments: [path] + arguments,
            environment: environment,
            input: try Descriptor.null(),
            output: output.writing,
            error: error.writing
        )
        spawn.directory = directory
        spawn.startsSession = true
        let live = LiveProgram(try ChildProcess.start(spawn))
        output.writing.close()
        error.writing.close()
        let (out, err) = (try Channel(output.reading), try Channel(error.reading))
        return try await withTaskCancellationHandler {
            async let collected: Void = live.collect(out, err)
            do {
                let result = try await body(live)
                try await collected
                let status = try await live.child.exit.value()
                let (output, error) = live.state.withLock { ($0.output, $0.error) }
                return (Program.Output(status: status, output: output, error: error), result)
            } catch {
                live.child.send(SIGKILL)
                throw error
            }
        } onCancel: {
            live.child.send(SIGKILL)
        }
    }

    /// Waits until the program has written `text` on either stream.
    func says(_ text: String) async throws {
        let latch = Latch<Bool>()
        state.withLock { state in
            if Self.contains(state, text) { return latch.set(true) }
            if state.isOver { return latch.set(false) }
            state.expected.append((text, latch))
        }
        guard try await latch.value() else {
            throw Unexpected("The program ended without saying '\(text)'; it said: \(errorText)")
        }
    }

    var errorText: String { state.withLock { String(decoding: $0.error, as: UTF8.self) } }

    private func collect(_ output: Channel, _ error: Channel) async throws {
        async let first: Void = drain(output, \.output)
        async let second: Void = drain(error, \.error)
        _ = try await (first, second)
        state.withLock { state in
            state.isOver = true
            for (_, latch) in state.expected { latch.set(false) }
        }
    }

    private func drain(_ channel: Channel, _ path: any WritableKeyPath<State, [UInt8]> & Sendable) async throws {
        while true {
            let bytes = try await channel.read(upTo: 65_536)
            if bytes.isEmpty { return }
            state.withLock { state in
                state[keyPath: path] += bytes
                state.expected = state.expected.filter { text, latch in
                    guard Self.contains(state, text) else { return true }
                    latch.set(true)
                    return false
                }
            }
        }
    }

    private static func contains(_ state: State, _ text: String) -> Bool {
        String(decoding: state.error, as: UTF8.self).contains(text)
            || String(decoding: state.output, as: UTF8.self).contains(text)
    }
}
