import FoundationEssentials
import Wire

extension GuestGateway {
    /// Sets what everybody together may spend on each day of UTC; what was spent today counts.
    package func limitDays(maxCost: Double?, maxTokens: Int?) async throws {
        ledger.open(
            .allByDay,
            limit: Ledger.Limit(dollars: maxCost.map(Money.init(dollars:)), tokens: maxTokens),
            spent: try await records?.spent(by: nil, since: Days.start)
        )
    }

    /// Sets what a key may spend, over its life and on each day of UTC; what it has spent counts.
    package func limit(key: String, to budget: KeyBudget) async throws {
        ledger.open(
            .key(key),
            limit: Ledger.Limit(dollars: budget.maxCostUSD.map(Money.init(dollars:)), tokens: budget.maxTokens),
            spent: try await records?.spent(by: key, since: .distantPast)
        )
        ledger.open(
            .keyByDay(key),
            limit: Ledger.Limit(
                dollars: budget.maxCostPerDayUSD.map(Money.init(dollars:)),
                tokens: budget.maxTokensPerDay
            ),
            spent: try await records?.spent(by: key, since: Days.start)
        )
    }

    /// Lets a key pay for nothing any more, also not for the sandboxes that were made with it.
    package func close(key: String) {
        // In tokens alone: a model without a known price is to be refused for the same reason as any other.
        ledger.open(.key(key), limit: Ledger.Limit(tokens: 0))
    }
}
