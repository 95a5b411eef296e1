import FoundationEssentials
import RPC
import Wire

/// Programs that run already.
extension GuestLink {
    /// Joins a program: the events begin with all that it has written so far, if that is kept.
    package func join<Result: Sendable>(
        _ process: ProcessSelector,
        _ handle: @Sendable @escaping (inout MessageReader<ProcessStreamEvent>) async throws -> Result
    ) async throws -> Result {
        try await calls.stream(ConnectProcess.self, .init(process: process)) { events in
            try await handle(&events)
        }
    }

    /// Writes to a program's standard input.
    package func write(_ bytes: [UInt8], to process: ProcessSelector) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(512 * 1024)
            rest = rest.dropFirst(part.count)
            _ = try await calls.call(
                SendProcessInput.self,
                .init(process: process, input: ProcessInput(stdin: Data(part)))
            )
        }
    }

    /// Says the end of a program's standard input.
    package func closeInput(of process: ProcessSelector) async throws {
        _ = try await calls.call(CloseProcessInput.self, .init(process: process))
    }

    /// Sends a signal, by its name in the protocol, such as `SIGNAL_SIGKILL`.
    package func signal(_ process: ProcessSelector, _ signal: String) async throws {
        _ = try await calls.call(SignalProcess.self, .init(process: process, signal: signal))
    }
}
