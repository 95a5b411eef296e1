import Wire

/// What the model requests of a sandbox have come to.
package struct ModelUsage: Sendable, Hashable {
    package var report = RunReport.Usage()
    /// The same tokens by the model that was used.
    package var byModel: [String: TokenCount] = [:]
    /// What was used at known prices, in dollars; a lower bound of the whole.
    package var knownCostUSD: Double = 0
    /// Whether some of it has a price that is not known here.
    package var hasUnknownCost = false

    /// Nil as soon as one request went to a model whose price is not known.
    package var costUSD: Double? { hasUnknownCost ? nil : knownCostUSD }

    mutating func add(_ tokens: TokenCount, model: String?) {
        report.requests += 1
        report.inputTokens += tokens.input
        report.outputTokens += tokens.output
        report.cacheReadTokens += tokens.cacheRead
        report.cacheCreationTokens += tokens.cacheCreation
        byModel[model ?? "unknown", default: TokenCount()] += tokens
        if let price = model.flatMap(ModelPrice.of) {
            knownCostUSD += price.dollars(for: tokens)
        } else {
            hasUnknownCost = true
        }
    }
}

/// The tokens of one answer, or of many.
package struct TokenCount: Sendable, Hashable {
    package var input = 0
    package var output = 0
    package var cacheRead = 0
    package var cacheCreation = 0

    static func += (sum: inout TokenCount, more: TokenCount) {
        sum.input += more.input
        sum.output += more.output
        sum.cacheRead += more.cacheRead
        sum.cacheCreation += more.cacheCreation
    }

    /// Takes over what a `usage` object says; later numbers of a stream replace earlier ones.
    mutating func update(_ usage: JSONValue) {
        input = usage["input_tokens"]?.integer.map(Self.bounded) ?? input
        output = usage["output_tokens"]?.integer.map(Self.bounded) ?? output
        cacheRead = usage["cache_read_input_tokens"]?.integer.map(Self.bounded) ?? cacheRead
        cacheCreation = usage["cache_creation_input_tokens"]?.integer.map(Self.bounded) ?? cacheCreation
    }

    /// A number from outside: neither negative nor able to overflow a sum.
    private static func bounded(_ count: Int64) -> Int {
        Int(min(max(0, count), 1 << 40))
    }
}

/// Dollars per million tokens.
struct ModelPrice: Sendable, Hashable {
    let input: Double
    let output: Double

    /// By name without a date at its end.
    ///
    /// `claude-opus-5-5` as Claude Code 2.1.327 reckons it: 100 tokens in and 20 out make 0.0008 dollars.
    private static let known = ["claude-opus-5-5": ModelPrice(input: 4, output: 20)]

    /// Cache reads and writes cost a tenth and five quarters of plain input, as the public price list has it.
    func dollars(for tokens: TokenCount) -> Double {
        let input = Double(tokens.input) + Double(tokens.cacheRead) * 0.1 + Double(tokens.cacheCreation) * 1.25
        return (input * self.input + Double(tokens.output) * output) / 1_000_000
    }

    /// The price of a model; nil when it is not known here.
    static func of(_ model: String) -> ModelPrice? {
        if let price = known[model] { return price }
        guard let dash = model.lastIndex(of: "-") else { return nil }
        let date = model[model.index(after: dash)...].utf8
        guard date.count == 8, date.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return known[String(model[..<dash])]
    }
}
