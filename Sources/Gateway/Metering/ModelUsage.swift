import Wire

/// What the model requests of a sandbox have come to.
package struct ModelUsage: Sendable, Hashable {
    package var report = RunReport.Usage()
    /// The same tokens by the model that was used.
    package var byModel: [String: TokenCount] = [:]
    /// What was used at known prices; a lower bound of the whole.
    package var knownCost = Money.zero
    /// Whether some of it has a price that is not known here.
    package var hasUnknownCost = false
    /// How many requests no budget had room for.
    package var budgetRefusals = 0
    /// What was said to the last of them.
    package var budgetRefusal: String?

    package var knownCostUSD: Double { knownCost.dollars }

    /// Nil as soon as one request went to a model whose price is not known.
    package var costUSD: Double? { hasUnknownCost ? nil : knownCostUSD }

    mutating func add(_ tokens: TokenCount, model: String?, cost: Money?) {
        report.requests += 1
        report.inputTokens += tokens.input
        report.outputTokens += tokens.output
        report.cacheReadTokens += tokens.cacheRead
        report.cacheCreationTokens += tokens.cacheCreation
        byModel[model ?? "unknown", default: TokenCount()] += tokens
        if let cost { knownCost += cost } else { hasUnknownCost = true }
    }
}

/// The tokens of one answer, or of many.
package struct TokenCount: Sendable, Hashable {
    package var input = 0
    package var output = 0
    package var cacheRead = 0
    package var cacheCreation = 0
    /// Those of ``cacheCreation`` that are kept for an hour.
    package var cacheCreationHour = 0
    package var webSearches = 0

    package var total: Int { input + output + cacheRead + cacheCreation }

    static func += (sum: inout TokenCount, more: TokenCount) {
        sum.input += more.input
        sum.output += more.output
        sum.cacheRead += more.cacheRead
        sum.cacheCreation += more.cacheCreation
        sum.cacheCreationHour += more.cacheCreationHour
        sum.webSearches += more.webSearches
    }

    /// Takes over what a `usage` object says. The numbers of a stream only grow; one that shrinks is not believed.
    mutating func update(_ usage: JSONValue) {
        Self.raise(&input, usage["input_tokens"])
        Self.raise(&output, usage["output_tokens"])
        Self.raise(&cacheRead, usage["cache_read_input_tokens"])
        Self.raise(&cacheCreation, usage["cache_creation_input_tokens"])
        Self.raise(&cacheCreationHour, usage["cache_creation"]?["ephemeral_1h_input_tokens"])
        Self.raise(&webSearches, usage["server_tool_use"]?["web_search_requests"])
    }

    /// Takes a number from outside: neither negative nor able to overflow a sum, or its price.
    private static func raise(_ count: inout Int, _ told: JSONValue?) {
        guard let told = told?.integer else { return }
        count = max(count, Int(min(max(0, told), 1 << 32)))
    }
}
