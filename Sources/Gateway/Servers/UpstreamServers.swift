// MCP servers outside, whose keys stay there. The agent asks the gateway, which has asked the server what it offers, and passes
// on what is allowed:
//
//     agent ─► /mcp/NAME ─► SingleServer ─┬─► HTTPS, with the key in a field or the address
//                                         └─► a program of this host, with the key in its environment

import Egress
import HTTP
import Linux
import MCPGateway
import Synchronization
import TLS
import Wire

/// The MCP servers of one agent, from ``start()`` to ``close()``.
package final class UpstreamServers: Sendable {
    private let servers: [String: SingleServer]
    /// Keeps the servers started; its owner is this object, whose ``close()`` ends it.
    private let keeping = Mutex<Task<Void, Never>?>(nil)

    package let names: [String]

    /// - Parameters:
    ///   - secret: a secret by its name, asked for each time that a server is started: a new value holds from then on.
    ///   - trust: whom to believe; nil is the system's choice.
    package init(
        _ plans: UpstreamPlans,
        version: String,
        trust: TLSTrust? = nil,
        secret: @escaping @Sendable (String) async throws -> Secret
    ) {
        names = plans.names
        servers = Dictionary(
            uniqueKeysWithValues: plans.plans.map { plan in
                (plan.name, SingleServer(plan, version: version) { try await Self.open(plan, trust, secret) })
            }
        )
    }

    deinit { close() }

    private static func open(
        _ plan: ServerPlan,
        _ trust: TLSTrust?,
        _ secret: @escaping @Sendable (String) async throws -> Secret
    ) async throws -> any ServerLine {
        func revealed(_ texts: [String: String]) async throws -> [String: String] {
            var revealed: [String: String] = [:]
            for (name, text) in texts { revealed[name] = try await reveal(text, secret) }
            return revealed
        }
        switch plan.way {
        case .program(let command, let environment, let directory):
            let all = Program.plainEnvironment().merging(try await revealed(environment)) { _, own in own }
            return try ProcessLine(command: command, environment: all, directory: directory)
        case .http(let url, let headers):
            guard let address = UpstreamAddress(url) else { throw ServerFailure("its address is none") }
            let target = try await reveal(address.target, secret)
            guard UpstreamAddress.isSendable(target) else {
                throw ServerFailure("a secret of its address has characters that no address has")
            }
            return HTTPLine(
                authority: address.endpoint.authority,
                target: target,
                headers: try await revealed(headers)
            ) { try await address.endpoint.connect(trust: trust) }
        }
    }

    private static func reveal(
        _ text: String,
        _ secret: (String) async throws -> Secret
    ) async throws -> String {
        guard let value = HeaderValue(text) else { throw ServerFailure("a value of it can not be sent") }
        do throws(HeaderValue.Unrevealed) {
            return try await value.revealed(by: secret)
        } catch {
            switch error {
            case .missing(let name): throw ServerFailure("there is no secret '\(name)'")
            case .unsafe: throw ServerFailure("a secret of it has a control character, and can not be sent")
            }
        }
    }

    /// Starts all servers, and waits until each has answered.
    ///
    /// - Throws: ``ServerFailure`` of one that does not start; all are ended then. Later ends are mended.
    package func start() async throws {
        let all = Array(servers.values)
        keeping.withLock { keeping in
            guard keeping == nil else { return }
            keeping = Task(executorPreference: EventLoop.shared) {
                await withDiscardingTaskGroup { group in
                    for server in all { group.addTask { try? await server.run() } }
                }
            }
        }
        do {
            for server in all { try await server.waitForStart() }
        } catch {
            close()
            throw error
        }
    }

    /// Ends all of them.
    package func close() {
        keeping.withLock { $0.take() }?.cancel()
    }

    /// Answers a request to one of them; false when there is none of this name.
    func answer(_ exchange: Exchange, _ name: String) async throws -> Bool {
        guard let server = servers[name] else { return false }
        try await server.handle(exchange)
        return true
    }
}
