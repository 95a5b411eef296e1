// Freestyle's VM API, over the sandboxes of this installation: `/v5`, the current one, and `/v1`, that of its guide.
//
//     exchange ──► key ──► RouteTable ──► endpoint ──► VirtualMachines ──► SandboxRegistry, GuestLink
//                                │                      records: slugs, limits, metadata, firewall rules
//                       BackgroundRequests
//                                │
//                             Answer, or FreestyleError: {"code", "message"}, in v1 {"error", "message"}
//
// A machine is a sandbox: its id is the sandbox's, and what one API makes the others see.

import Access
import FoundationEssentials
import HTTP
import Linux
import Records
import Sandboxes
import Wire

/// Serves Freestyle's VM API.
package struct FreestyleServer: Sendable {
    enum Endpoint: Sendable {
        /// Has the whole body and gives a whole answer, and can go on without its client.
        case whole(limit: Int, @Sendable (Request) async throws -> Answer)
        /// Reads the body and answers by itself.
        case streaming(@Sendable (Request) async throws -> Void)
    }

    private let table: RouteTable<Endpoint>
    private let background = BackgroundRequests()
    private let machines: VirtualMachines

    /// - Parameter domain: where sandboxes have host names of their own, with the port if it is not 443; nil where they have none.
    package init(sandboxes: SandboxRegistry, database: Database, domain: String?) async throws {
        let machines = VirtualMachines(sandboxes, try await VMRecords(database), domain: domain)
        self.machines = machines
        let firewall = try await FirewallRules(database)
        var table = RouteTable<Endpoint>()
        table.addMachines(VMEndpoints(machines: machines, firewall: firewall))
        table.addSnapshots(SnapshotEndpoints(machines: machines))
        table.addForks(ForkEndpoints(machines: machines, firewall: firewall))
        table.addExec(ExecEndpoints(machines: machines))
        table.addFiles(FileEndpoints(machines: machines), UploadEndpoints(machines: machines))
        table.addServices(ServiceEndpoints(machines: machines))
        table.addTerminals(TerminalEndpoints(machines: machines))
        table.addFirst(
            FirstVMEndpoints(machines: machines, firewall: firewall),
            ExecEndpoints(machines: machines),
            FirstFileEndpoints(files: FileEndpoints(machines: machines))
        )
        table.addFirewall(FirewallEndpoints(machines: machines, firewall: firewall))
        table.addMissing()
        let background = background
        table.add("GET", "/v5/background-requests/{id}") { request in
            try background.result(request["id"], for: request.caller)
        }
        self.table = table
    }

    /// Answers `exchange` if its path is one of this API's; false if it is not.
    ///
    /// - Parameter caller: who asks; nil is somebody without a key that is any good.
    package func route(_ exchange: Exchange, from caller: Caller?) async throws -> Bool {
        let path = exchange.request.path
        guard let generation = Generation(path: path) else { return false }
        var answer: Answer?
        do {
            guard let caller else { throw FreestyleError.unauthorized }
            answer = try await perform(exchange, generation, caller)
        } catch {
            // Too late for another answer: the connection ends, and the client sees that the body is not whole.
            guard exchange.isWaiting else { throw error }
            answer = FreestyleError(error).answer(generation)
        }
        if let answer { try await exchange.respond(answer.status, answer.headers, body: answer.body) }
        return true
    }

    private func perform(_ exchange: Exchange, _ generation: Generation, _ caller: Caller) async throws -> Answer? {
        switch table.match(exchange.request.method, exchange.request.pathParts) {
        case .found(let endpoint, let parameters):
            var request = Request(
                exchange: exchange,
                generation: generation,
                caller: caller,
                parameters: parameters,
                query: exchange.request.query
            )
            switch endpoint {
            case .streaming(let work):
                defer { machines.leave(request.visit) }
                try await work(request)
                return nil
            case .whole(let limit, let work):
                request.body = try await exchange.body.collect(limit: limit)
                return try await perform(request, work)
            }
        case .otherMethods(let methods):
            let known = methods.joined(separator: ", ")
            let refusal = FreestyleError(405, .methodNotAllowed, "'\(exchange.request.path)' knows only \(known)")
            var answer = refusal.answer(generation)
            answer.headers["Allow"] = known
            return answer
        case .nothing: throw FreestyleError.notFound("There is nothing at '\(exchange.request.path)'")
        }
    }

    private func perform(_ request: Request, _ work: @Sendable @escaping (Request) async throws -> Answer) async throws
        -> Answer
    {
        let machines = machines
        guard let patience = try BackgroundRequests.patience(request) else {
            defer { machines.leave(request.visit) }
            return try await work(request)
        }
        return try await background.perform(after: patience, owner: request.caller.owner) {
            defer { machines.leave(request.visit) }
            do { return try await work(request) } catch { return FreestyleError(error).answer(request.generation) }
        }
    }
}
