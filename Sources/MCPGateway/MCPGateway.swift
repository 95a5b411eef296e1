// Several MCP servers as one, inside a sandbox: what E2B's clients start with `Sandbox.create(mcp={…})`.
//
//     clients ──HTTP, token──► GatewayServer ─► Hub ─┬► Backend ── ProcessLine ── a program's standard streams
//                              GatewaySessions ◄─────┴► Backend ── HTTPLine ───── another HTTP server

import HTTP
import Linux
import Wire

/// A gateway with its servers.
package struct MCPGateway: Sendable {
    private let server: GatewayServer

    /// - Throws: ``ServerFailure`` that says what is wrong with the configuration.
    package init(configuration: String, catalogue: Catalogue, token: Secret, version: String) throws {
        let plans = try GatewayConfiguration(parsing: configuration, catalogue).plans
        let sessions = GatewaySessions()
        let backends = plans.map { plan in
            Backend(plan, version: version) { sessions.tellAll($0) }
        }
        server = GatewayServer(hub: Hub(backends: backends), sessions: sessions, token: token, version: version)
    }

    /// Installs what is missing, starts the servers, and serves until the task is cancelled.
    ///
    /// - Parameter ready: called once all servers have answered.
    /// - Throws: when a server can not be installed, or does not come up; later ends are mended.
    package func run(on listener: Listener, ready: @escaping @Sendable () async throws -> Void) async throws {
        let backends = server.hub.backends
        for backend in backends { try await backend.plan.installation?.run(backend.plan.name) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for backend in backends { group.addTask { try await backend.run() } }
            group.addTask {
                for backend in backends {
                    if case .failure(let reason) = try await backend.started.value() {
                        throw ServerFailure("The server '\(backend.plan.name)' did not start: \(reason)")
                    }
                }
                try await ready()
                let server = server
                try await HTTPServer { try await server.handle($0) }.run(on: listener)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
