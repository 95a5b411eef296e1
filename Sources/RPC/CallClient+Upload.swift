import HTTP
import Linux
import Wire

extension CallClient {
    /// Makes a streaming call whose request is followed by plain bytes, to the end of the body.
    ///
    /// Events are given to `handle` while the bytes still go out. When `next` fails, the connection is closed with the body
    /// unfinished, so that the other side cannot take what it has for the whole.
    ///
    /// - Parameter next: gives the next bytes; an empty array is the end.
    /// - Throws: what `next` throws, else what the call ends with.
    package func upload<Call: StreamingCall, Result: Sendable>(
        _ call: Call.Type,
        _ request: Call.Request,
        following next: @Sendable @escaping () async throws -> [UInt8],
        _ handle: @Sendable @escaping (inout MessageReader<Call.Event>) async throws -> Result
    ) async throws -> Result {
        let failure = Latch<any Error>()
        let envelope = Envelope(payload: try CallRouter.encode(request)).encoded
        let body = HTTPClient.Body.stream(length: nil) { writer in
            try await writer.write(envelope)
            while true {
                let bytes: [UInt8]
                do {
                    bytes = try await next()
                } catch {
                    // Sending is also cancelled when the answer has come early: that is no failure of the source.
                    if !Task.isCancelled { failure.set(error) }
                    throw error
                }
                if bytes.isEmpty { return }
                // An error here means that the server reads no further; its answer says why.
                try await writer.write(bytes)
            }
        }
        return try await withThrowingTaskGroup(of: Result.self) { group in
            group.addTask { try await stream(call, body: body, handle) }
            group.addTask { throw try await failure.value() }
            defer { group.cancelAll() }
            guard let result = try await group.next() else { throw CancellationError() }
            return result
        }
    }
}
