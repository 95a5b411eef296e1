import FoundationEssentials
import RPC
import Wire

/// Programs that were started before, and wait for what they are told.
extension GuestLink {
    /// Joins the program with this tag: the events begin with all that it has written so far, if that is kept.
    package func join<Result: Sendable>(
        _ tag: String,
        _ handle: @Sendable @escaping (inout MessageReader<ProcessStreamEvent>) async throws -> Result
    ) async throws -> Result {
        try await calls.stream(ConnectProcess.self, .init(process: ProcessSelector(tag: tag))) { events in
            try await handle(&events)
        }
    }

    /// Writes to the standard input of the program with this tag.
    package func write(_ bytes: [UInt8], to tag: String) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(512 * 1024)
            rest = rest.dropFirst(part.count)
            _ = try await calls.call(
                SendProcessInput.self,
                .init(process: ProcessSelector(tag: tag), input: ProcessInput(stdin: Data(part)))
            )
        }
    }

    /// Says the end of its standard input.
    package func closeInput(of tag: String) async throws {
        _ = try await calls.call(CloseProcessInput.self, .init(process: ProcessSelector(tag: tag)))
    }

    /// Kills it, with all that it has started.
    package func kill(_ tag: String) async throws {
        _ = try await calls.call(
            SignalProcess.self,
            .init(process: ProcessSelector(tag: tag), signal: "SIGNAL_SIGKILL")
        )
    }
}
