import FoundationEssentials
import Synchronization

/// Who pays for the model requests of a sandbox, and where it is written down.
package final class Purse: Sendable {
    package let sandboxID: String
    package let run: String?
    package let key: String?
    let ledger: Ledger
    let accounts: [Ledger.Account]
    let prices: PriceTable
    private let records: UsageRecords?
    private let counted = Mutex(ModelUsage())
    /// Tokens of input per byte of request, as the last answer told it.
    private let density = Mutex<Double?>(nil)

    package init(
        sandboxID: String,
        run: String? = nil,
        key: String? = nil,
        ledger: Ledger = Ledger(),
        accounts: [Ledger.Account] = [],
        prices: PriceTable = .standard,
        records: UsageRecords? = nil
    ) {
        self.sandboxID = sandboxID
        self.run = run
        self.key = key
        self.ledger = ledger
        self.accounts = accounts
        self.prices = prices
        self.records = records
    }

    package var usage: ModelUsage { counted.withLock { $0 } }

    /// Whether requests have to be paid for before they are forwarded.
    var isLimited: Bool { ledger.isLimited(accounts) }

    /// Sets aside what a request can cost.
    ///
    /// - Throws: ``BudgetExceeded``, ``UnknownPrice``.
    func reserve(_ facts: RequestFacts) async throws -> Reservation {
        let price = facts.model.flatMap { prices[$0] }
        if price == nil, ledger.limitsDollars(accounts) {
            let error = UnknownPrice(model: facts.model ?? "")
            countRefusal("\(error)")
            throw error
        }
        // Without the field the upstream refuses; what is set aside then is of no consequence.
        let most = facts.maxTokens ?? 4096
        let least = min(most, max(1024, facts.thinkingBudget.map { min($0, most - 1) + 1 } ?? 0))
        let need = Need(
            input: facts.inputBound(perByte: density.withLock { $0 }),
            output: least...most,
            price: price,
            terms: facts.terms
        )
        do {
            return try await ledger.reserve(need, in: accounts)
        } catch let error as BudgetExceeded {
            countRefusal("\(error)")
            throw error
        }
    }

    private func countRefusal(_ sentence: String) {
        counted.withLock { counted in
            counted.budgetRefusals += 1
            counted.budgetRefusal = sentence
        }
    }

    /// Takes note of what a request came to. Its account is settled when this returns; its record follows by ``record(_:)``.
    func charge(_ charge: Charge, _ reservation: Reservation?, byteCount: Int?) {
        reservation?.settle(charge.amount)
        counted.withLock { $0.add(charge.tokens, model: charge.model, cost: charge.cost) }
        let input = charge.tokens.input + charge.tokens.cacheRead + charge.tokens.cacheCreation
        if let byteCount, byteCount > 1000, charge.basis == .told {
            density.withLock { $0 = Double(input) / Double(byteCount) }
        }
    }

    /// Writes down what a request came to. Records that can not be written stop no agent: the ledger knows it.
    func record(_ charge: Charge) async {
        try? await records?.add(
            UsageRecords.Entry(
                time: Date(),
                sandboxID: sandboxID,
                run: run,
                key: key,
                model: charge.model,
                tokens: charge.tokens,
                cost: charge.cost,
                basis: charge.basis.rawValue
            )
        )
    }
}

/// A budget in dollars can not be kept for a model whose price nobody told.
struct UnknownPrice: Error, Sendable, CustomStringConvertible {
    let model: String

    var description: String {
        "The price of the model '\(model)' is not known, so no budget in dollars can be kept with it: add it to prices.json "
            + "in MARTLET_HOME, or set a budget in tokens"
    }
}
