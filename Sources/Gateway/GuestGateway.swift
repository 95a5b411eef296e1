// The gateway: the only way out of a sandbox. A guest's programs connect to a port of their own loopback; the agent carries
// the connection here, where it is known which sandbox it comes from, and HTTP is spoken with it:
//
//     /mcp            the result tool of the run that goes on in the sandbox, if there is one
//     everything else the model endpoint, which adds the credential that the guest does not have
//
// There is no other destination. The guest is trusted with nothing: what it sends is parsed strictly and forwarded by name.

import Cassettes
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
        let account: Ledger.Account

        init(sandboxID: String, model: ModelEndpoint, results: ResultServer?, account: Ledger.Account) {
            self.sandboxID = sandboxID
            self.model = model
            self.results = results
            self.account = account
        }

        /// What the sandbox's model requests have come to.
        package var usage: ModelUsage { model.usage }
    }

    private let upstream: ModelUpstream
    /// The accounts of keys and days; whoever sets their limits opens them here.
    package let ledger: Ledger
    private let prices: PriceTable
    private let records: UsageRecords?
    private let openings = Mutex<[String: Opening]>([:])
    /// For sandboxes in which no run goes on.
    private let shared: ModelEndpoint

    package init(
        upstream: ModelUpstream,
        ledger: Ledger = Ledger(),
        prices: PriceTable = .standard,
        records: UsageRecords? = nil
    ) {
        self.upstream = upstream
        self.ledger = ledger
        self.prices = prices
        self.records = records
        let purse = Purse(sandboxID: "", ledger: ledger, accounts: [.allByDay], prices: prices, records: records)
        shared = ModelEndpoint(upstream: upstream, purse: purse)
    }

    /// Opens the result tool and a meter of its own for a sandbox; an earlier opening is replaced.
    ///
    /// - Parameters:
    ///   - budgetUSD: what this opening may spend.
    ///   - budgetTokens: the same in tokens, of input and output together.
    ///   - shared: an account that others spend from, too; whoever opened it closes it.
    ///   - run: the run's id, for the records.
    ///   - key: the id of the API key that pays, whose own limits hold, too.
    ///   - cassette: where the model requests are recorded, or played from.
    package func open(
        _ sandboxID: String,
        budgetUSD: Double?,
        budgetTokens: Int? = nil,
        sharing shared: Ledger.Account? = nil,
        run: String? = nil,
        key: String? = nil,
        cassette: Cassette? = nil,
        results: ResultServer?
    ) -> Opening {
        // An account for each opening: a run that is continued has its own budget again.
        let account = Ledger.Account.run("\(sandboxID)/\(Random.name(12))")
        ledger.open(account, limit: Ledger.Limit(dollars: budgetUSD.map(Money.init(dollars:)), tokens: budgetTokens))
        let purse = Purse(
            sandboxID: sandboxID,
            run: run,
            key: key,
            ledger: ledger,
            accounts: [account] + (shared.map { [$0] } ?? []) + [.allByDay]
                + (key.map { [.key($0), .keyByDay($0)] } ?? []),
            prices: prices,
            records: records
        )
        let opening = Opening(
            sandboxID: sandboxID,
            model: ModelEndpoint(upstream: upstream, purse: purse, cassette: cassette),
            results: results,
            account: account
        )
        openings.withLock { $0[sandboxID] = opening }
        return opening
    }

    package func close(_ opening: Opening) {
        ledger.close(opening.account)
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
                try await (opening?.model ?? shared).handle(exchange)
            }
        }
        await server.serve(stream)
    }
}
