import Arguments
import Wire

/// What models may cost, as options.
enum BudgetOptions {
    static let dollars = 0.0...1_000_000
    static let tokens = 0...1_000_000_000_000

    /// Those of a key.
    static let all: [Option] = [
        .value("--max-cost-per-day", "USD", "Dollars that its models may cost on a day of UTC", default: none),
        .value("--max-tokens-per-day", "N", "The same in tokens, of input and output together", default: none),
        .value("--max-cost", "USD", "Dollars that its models may cost altogether", default: none),
        .value("--max-tokens", "N", "The same in tokens", default: none),
    ]

    private static let none = Option.Default.described("none")

    static func budget(_ invocation: Invocation) throws -> KeyBudget {
        KeyBudget(
            maxCostUSD: try invocation.decimal("--max-cost", in: dollars),
            maxTokens: try invocation.integer("--max-tokens", in: tokens),
            maxCostPerDayUSD: try invocation.decimal("--max-cost-per-day", in: dollars),
            maxTokensPerDay: try invocation.integer("--max-tokens-per-day", in: tokens)
        )
    }

    /// Such as `$5.00 a day, 1.0M tokens`.
    static func text(_ budget: KeyBudget?) -> String {
        guard let budget, !budget.isUnlimited else { return "none" }
        let parts = [
            budget.maxCostPerDayUSD.map { "\(Readable.dollars($0)) a day" },
            budget.maxTokensPerDay.map { "\(Readable.plural($0, "token")) a day" },
            budget.maxCostUSD.map(Readable.dollars), budget.maxTokens.map { Readable.plural($0, "token") },
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }
}
