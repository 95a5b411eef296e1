import HTTP
import Linux
import Wire

/// One server under its own names, for clients that whoever serves them has let in.
package final class SingleServer: Sendable {
    private let backend: Backend
    private let server: GatewayServer

    package var name: String { backend.plan.name }

    /// What ends it is told to ``waitForStart()`` alone: a program's last words may hold what its clients must not know.
    ///
    /// - Parameter open: opens the way to the server, each time that it is started.
    package init(_ plan: ServerPlan, version: String, open: @escaping @Sendable () async throws -> any ServerLine) {
        let sessions = GatewaySessions()
        backend = Backend(plan, version: version, open: open, tellsWhy: false) { sessions.tellAll($0) }
        server = GatewayServer(
            hub: Hub(backends: [backend], isPrefixed: false),
            sessions: sessions,
            token: nil,
            version: version
        )
    }

    /// Keeps the server started until the task is cancelled.
    package func run() async throws { try await backend.run() }

    /// Waits for its first answer.
    ///
    /// - Throws: ``ServerFailure`` that says why it does not start; it is tried again for as long as ``run()`` goes on.
    package func waitForStart() async throws {
        switch try await backend.started.value() {
        case .success: return
        case .failure(let reason): throw ServerFailure("The MCP server '\(name)' did not start: \(reason)")
        }
    }

    /// Answers one request, whatever its path.
    package func handle(_ exchange: Exchange) async throws {
        if exchange.request.isFromForeignPage { return try await exchange.respond(403) }
        try await server.serve(exchange)
    }
}
