import FoundationEssentials
import HTTP
import Linux
import RPC
import WebSockets
import Wire

/// The way to one sandbox's WebSockets, and how long to try it again after it broke.
package struct SandboxSockets: Sendable {
    /// Reaches the sandbox's agent, with all that it is asked by.
    package let client: CallClient
    /// For how long a connection that broke is tried again.
    package var patience = Duration.seconds(60)
    /// Whether the sandbox can not come back; asked after each failure.
    package var isGone: @Sendable () async -> Bool = { false }

    package init(_ client: CallClient) {
        self.client = client
    }

    /// The way to the sandbox `id`, tried again as long as `daemon` says that it runs.
    package init(_ client: CallClient, of id: String, daemon: CallClient) {
        self.client = client
        isGone = {
            do {
                // One that is paused stays so until somebody resumes it.
                return try await daemon.call(GetSandbox.self, SandboxReference(id: id)).state == .paused
            } catch {
                return (error as? CallError)?.code == .notFound
            }
        }
    }

    /// Opens a WebSocket.
    ///
    /// - Throws: ``CallError`` where the sandbox refuses; what breaks on the way there is thrown as it is.
    func open(_ target: String) async throws -> WebSocket {
        var limits = WebSocketLimits()
        // A frame that waits for a slow sandbox must not keep a key or a signal waiting for long.
        limits.frame = ExecCount.pace
        limits.message = 2 * 1024 * 1024
        do {
            let head = RequestHead(method: "GET", target: target, headers: client.headers)
            return try await WebSocket.connect(client.http, head, limits: limits)
        } catch let error as HTTPError {
            // In the words of the sandbox, or of who stands in front of it.
            let reason = (try? JSONValue(parsing: error.answer))?["message"]?.string
            guard reason != nil || (400...499).contains(error.status) else { throw error }
            throw CallError(CallError.code(forStatus: error.status), reason ?? error.message)
        }
    }

    /// Calls `attempt` until it works, is refused, or the way has been broken for too long.
    func again<Result: Sendable>(_ attempt: @Sendable () async throws -> Result) async throws -> Result {
        let start = ContinuousClock.now
        var pause = Duration.milliseconds(50)
        while true {
            do {
                return try await attempt()
            } catch let error where Self.mayPass(error) {
                try Task.checkCancellation()
                guard start.duration(to: .now) < patience, await !isGone() else {
                    throw CallError(.unavailable, "The sandbox can not be reached any more: \(error)")
                }
                try await EventLoop.shared.sleep(for: pause)
                pause = min(pause * 2, .seconds(1))
            }
        }
    }

    /// Whether trying again may help.
    private static func mayPass(_ error: any Error) -> Bool {
        switch error {
        case is CancellationError: false
        case let error as CallError: error.code == .unavailable
        default: true
        }
    }
}

/// Text messages and the values they stand for.
enum Messages {
    static func text(_ value: some Encodable) throws -> Message {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return .text(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    static func value<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(text.utf8))
        } catch {
            throw CallError(.dataLoss, "The sandbox said something that is not understood: \(error)")
        }
    }
}
