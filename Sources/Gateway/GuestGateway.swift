// The gateway: the only way out of a sandbox. A guest's programs connect to a port of their own loopback; the agent carries
// the connection here, where it is known which sandbox it comes from, and HTTP is spoken with it:
//
//     /mcp            the result tool of the run that goes on in the sandbox, if there is one
//     /mcp/NAME       one of the MCP servers outside that the run was given
//     everything else the model endpoint, which adds the credential that the guest does not have
//
// There is no other destination. The guest is trusted with nothing: what it sends is parsed strictly and forwarded by name.

import Cassettes
import HTTP
import Linux
import MCP
import ScriptedModel
import Synchronization
import Wire

/// Answers the connections that guests open, each by what its sandbox may reach.
package final class GuestGateway: Sendable {
    /// What a run opened for its sandbox.
    package final class Opening: Sendable {
        let sandboxID: String
        let model: ModelEndpoint
        let results: ResultServer?
        let servers: UpstreamServers?
        let account: Ledger.Account
        let playback: Playback?

        init(
            sandboxID: String,
            model: ModelEndpoint,
            results: ResultServer?,
            servers: UpstreamServers?,
            account: Ledger.Account,
            playback: Playback?
        ) {
            self.sandboxID = sandboxID
            self.model = model
            self.results = results
            self.servers = servers
            self.account = account
            self.playback = playback
        }

        /// When the model was asked for the first time.
        package var firstRequest: ContinuousClock.Instant? { first.current }
        private let first = Latch<ContinuousClock.Instant>()

        func answer(_ exchange: Exchange) async throws {
            if exchange.request.path == "/v1/messages" { first.set(ContinuousClock.now) }
            switch playback {
            case .script(let script): try await script.handle(exchange)
            case .cassette, nil: try await model.handle(exchange)
            }
        }

        /// What the sandbox's model requests have come to.
        package var usage: ModelUsage { model.usage }

        /// What was said to the last request that a replay has no answer to.
        package var lastMiss: String? { playback?.lastMiss }
    }

    let upstream: ModelUpstream
    /// The accounts of keys and days; whoever sets their limits opens them here.
    package let ledger: Ledger
    private let prices: PriceTable
    package let records: UsageRecords?
    private let openings = Mutex<[String: Opening]>([:])
    /// For sandboxes in which no run goes on: each has one as long as a connection of it lasts.
    private let standing = Mutex<[String: Standing]>([:])

    /// In front of the name of an MCP server.
    private static let serverPath = "/mcp/"

    private struct Standing {
        weak var model: ModelEndpoint?
    }

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
    }

    /// Opens the result tool and a meter of its own for a sandbox; an earlier opening is replaced.
    ///
    /// - Parameters:
    ///   - budgetUSD: what this opening may spend.
    ///   - budgetTokens: the same in tokens, of input and output together.
    ///   - shared: an account that others spend from, too; whoever opened it closes it.
    ///   - run: the run's id, for the records.
    ///   - key: the id of the API key that pays, whose own limits hold, too.
    ///   - playback: where the model requests are recorded, or played from.
    ///   - servers: the MCP servers outside that it may reach, which are its own and end with it.
    package func open(
        _ sandboxID: String,
        budgetUSD: Double?,
        budgetTokens: Int? = nil,
        sharing shared: Ledger.Account? = nil,
        run: String? = nil,
        key: String? = nil,
        playback: Playback? = nil,
        results: ResultServer?,
        servers: UpstreamServers? = nil
    ) -> Opening {
        // An account for each opening: a run that is continued has its own budget again.
        let account = Ledger.Account.run("\(sandboxID)/\(Random.name(12))")
        ledger.open(account, limit: Ledger.Limit(dollars: budgetUSD.map(Money.init(dollars:)), tokens: budgetTokens))
        let purse = purse(sandboxID, run: run, key: key, accounts: [account] + (shared.map { [$0] } ?? []))
        var cassette: Cassette?
        if case .cassette(let given) = playback { cassette = given }
        let opening = Opening(
            sandboxID: sandboxID,
            model: ModelEndpoint(upstream: upstream, purse: purse, cassette: cassette),
            results: results,
            servers: servers,
            account: account,
            playback: playback
        )
        openings.withLock { $0[sandboxID] = opening }
        return opening
    }

    private func purse(_ sandboxID: String, run: String? = nil, key: String?, accounts: [Ledger.Account] = []) -> Purse
    {
        Purse(
            sandboxID: sandboxID,
            run: run,
            key: key,
            ledger: ledger,
            accounts: accounts + [.allByDay] + (key.map { [.key($0), .keyByDay($0)] } ?? []),
            prices: prices,
            records: records
        )
    }

    private func standingModel(_ sandboxID: String, key: String?) -> ModelEndpoint {
        standing.withLock { standing in
            if let model = standing[sandboxID]?.model { return model }
            standing = standing.filter { $0.value.model != nil }
            let model = ModelEndpoint(upstream: upstream, purse: purse(sandboxID, key: key))
            standing[sandboxID] = Standing(model: model)
            return model
        }
    }

    package func close(_ opening: Opening) {
        ledger.close(opening.account)
        opening.servers?.close()
        openings.withLock { openings in
            if openings[opening.sandboxID] === opening { openings.removeValue(forKey: opening.sandboxID) }
        }
    }

    /// Serves one connection of a guest until it ends.
    ///
    /// - Parameters:
    ///   - key: the id of the API key that the sandbox was made with, which pays where no run does.
    ///   - during: called with each answer, from the request's arrival to the answer's end.
    package func carry(
        sandboxID: String,
        key: String?,
        _ tunnel: TunnelOpening,
        _ stream: any ByteStream,
        during: @escaping @Sendable (_ answer: () async throws -> Void) async throws -> Void = { try await $0() }
    ) async {
        guard tunnel.port == GuestProtocol.gatewayPort else { return stream.close() }
        let standing = standingModel(sandboxID, key: key)
        let server = HTTPServer { [self] exchange in
            try await during { try await answer(exchange, sandboxID, standing) }
        }
        await server.serve(stream)
    }

    private func answer(_ exchange: Exchange, _ sandboxID: String, _ standing: ModelEndpoint) async throws {
        let opening = openings.withLock { $0[sandboxID] }
        if exchange.request.path == "/mcp" {
            guard let results = opening?.results else {
                throw HTTPError(404, "No run with a result tool goes on here")
            }
            try await results.handle(exchange)
        } else if exchange.request.path.hasPrefix(Self.serverPath) {
            let name = String(exchange.request.path.dropFirst(Self.serverPath.count))
            guard try await opening?.servers?.answer(exchange, name) == true else {
                throw HTTPError(404, "There is no MCP server '\(name)' here")
            }
        } else if let opening {
            try await opening.answer(exchange)
        } else {
            try await standing.handle(exchange)
        }
    }
}
