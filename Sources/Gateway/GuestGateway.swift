// The gateway: the only way out of a sandbox. A guest's programs connect to a port of their own loopback; the agent carries
// the connection here, where it is known which sandbox it comes from, and HTTP is spoken with it:
//
//     /mcp            the result tool of the run that goes on in the sandbox, if there is one
//     everything else the model endpoint, which adds the credential that the guest does not have
//
// There is no other destination. The guest is trusted with nothing: what it sends is parsed strictly and forwarded by name.

import HTTP
import Linux
import MCP
import Synchronization
import Wire

/// Answers the connections that guests open, each by what its sandbox may reach.
package final class GuestGateway: Sendable {
    /// What a run opened for its sandbox.
    package final class Opening: Sendable {
        let sandboxID: String
        let model: ModelEndpoint
        let results: ResultServer?

        init(sandboxID: String, model: ModelEndpoint, results: ResultServer?) {
            self.sandboxID = sandboxID
            self.model = model
            self.results = results
        }

        /// What the sandbox's model requests have come to.
        package var usage: ModelUsage { model.usage }
    }

    private let upstream: ModelUpstream
    private let openings = Mutex<[String: Opening]>([:])
    /// For sandboxes in which no run goes on.
    private let unmetered: ModelEndpoint

    package init(upstream: ModelUpstream) {
        self.upstream = upstream
        unmetered = ModelEndpoint(upstream: upstream)
    }

    /// Opens the result tool and a meter of its own for a sandbox; an earlier opening is replaced.
    package func open(_ sandboxID: String, budgetUSD: Double?, results: ResultServer?) -> Opening {
        let opening = Opening(
            sandboxID: sandboxID,
            model: ModelEndpoint(upstream: upstream, budgetUSD: budgetUSD),
            results: results
        )
        openings.withLock { $0[sandboxID] = opening }
        return opening
    }

    package func close(_ opening: Opening) {
        openings.withLock { openings in
            if openings[opening.sandboxID] === opening { openings.removeValue(forKey: opening.sandboxID) }
        }
    }

    /// Serves one connection of a guest until it ends.
    package func carry(sandboxID: String, _ tunnel: TunnelOpening, _ stream: any ByteStream) async {
        guard tunnel.port == GuestProtocol.gatewayPort else { return stream.close() }
        let server = HTTPServer { [self] exchange in
            let opening = openings.withLock { $0[sandboxID] }
            if exchange.request.path == "/mcp" {
                guard let results = opening?.results else {
                    throw HTTPError(404, "No run with a result tool goes on here")
                }
                try await results.handle(exchange)
            } else {
                try await (opening?.model ?? unmetered).handle(exchange)
            }
        }
        await server.serve(stream)
    }
}
