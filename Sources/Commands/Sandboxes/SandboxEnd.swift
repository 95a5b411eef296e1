import HTTP
import Linux
import RPC
import Wire

extension DaemonConnection {
    /// What cut a program off, as its person should read it: the sandbox's own end, where that was it.
    func explained(_ error: any Error, of program: String, in sandbox: SandboxInfo) async throws -> any Error {
        guard Self.isBreak(error), try await hasEnded(sandbox.id) else { return error }
        return CommandsError(.sandboxEnded, "The sandbox '\(sandbox.id)' ended before '\(program)' did", cause: error)
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
    private func hasEnded(_ id: String) async throws -> Bool {
        do {
            return try await retrying(every: .milliseconds(20), for: .seconds(2)) {
                do {
                    _ = try await client.call(GetSandbox.self, SandboxReference(id: id))
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
}
