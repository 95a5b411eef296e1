import Wire

/// What tokens cost, by model. The list that comes with Martlet is `prices.json`; a file of the same form replaces or adds models.
package struct PriceTable: Sendable {
    private var models: [String: ModelPrice] = [:]

    /// The list that comes with Martlet.
    package static let standard: PriceTable = {
        do {
            return try PriceTable(parsing: PackageResources.prices_json)
        } catch {
            preconditionFailure("the price list is malformed: \(error)")
        }
    }()

    /// Reads a list.
    ///
    /// - Throws: ``GatewayError`` that names the model with what is wrong.
    package init(parsing bytes: [UInt8]) throws(GatewayError) {
        let list: JSONValue
        do {
            list = try JSONValue(parsing: bytes)
        } catch {
            throw GatewayError(.invalidPrices, "The price list is not JSON: \(error)")
        }
        var geographies: [String: Double] = [:]
        for (name, factor) in list["geographies"]?.object ?? [:] { geographies[name] = factor.number }
        let search = list["webSearch"]?.number ?? 0
        for (name, entry) in list["models"]?.object ?? [:] {
            guard let price = ModelPrice(entry, webSearch: search, geographies) else {
                throw GatewayError(
                    .invalidPrices,
                    "The price of '\(name)' is incomplete: it needs input, output, cacheRead, cacheWrite and cacheWriteHour, "
                        + "in dollars per million tokens"
                )
            }
            models[name] = price
        }
    }

    /// This list, with the models of another in place of its own.
    package func replaced(by other: PriceTable) -> PriceTable {
        var table = self
        table.models.merge(other.models) { _, new in new }
        return table
    }

    /// The price of a model, with or without a date at the end of its name; nil when it is not known.
    package subscript(model: String) -> ModelPrice? {
        if let price = models[model] { return price }
        guard let dash = model.lastIndex(of: "-") else { return nil }
        let date = model[model.index(after: dash)...].utf8
        guard date.count == 8, date.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return models[String(model[..<dash])]
    }

    package var names: [String] { models.keys.sorted() }
}

/// What the tokens of one model cost.
package struct ModelPrice: Sendable, Hashable {
    /// Billionths of a dollar per token.
    struct Rates: Sendable, Hashable {
        let input: Int64
        let output: Int64
        let cacheRead: Int64
        let cacheWrite: Int64
        /// For what is kept for an hour.
        let cacheWriteHour: Int64

        init?(_ value: JSONValue) {
            func rate(_ name: String) -> Int64? {
                guard let dollars = value[name]?.number, (0...1_000_000).contains(dollars) else { return nil }
                return Int64((dollars * 1000).rounded())
            }
            guard let input = rate("input"), let output = rate("output"), let cacheRead = rate("cacheRead"),
                let cacheWrite = rate("cacheWrite"), let cacheWriteHour = rate("cacheWriteHour")
            else { return nil }
            self.input = input
            self.output = output
            self.cacheRead = cacheRead
            self.cacheWrite = cacheWrite
            self.cacheWriteHour = cacheWriteHour
        }

        func cost(of tokens: TokenCount) -> Int64 {
            let hour = min(tokens.cacheCreationHour, tokens.cacheCreation)
            return Int64(tokens.input) * input + Int64(tokens.output) * output + Int64(tokens.cacheRead) * cacheRead
                + Int64(tokens.cacheCreation - hour) * cacheWrite + Int64(hour) * cacheWriteHour
        }

        /// What a token of input can cost at most.
        func dearestInput(_ terms: RequestFacts.Terms) -> Int64 {
            max(input, terms.mayCache ? cacheWrite : 0, terms.mayCacheForAnHour ? cacheWriteHour : 0)
        }
    }

    private let standard: Rates
    private let fast: Rates?
    private let longPrompt: Rates?
    private let longPromptAbove: Int
    private let webSearch: Int64
    private let geographies: [String: Double]

    init?(_ value: JSONValue, webSearch: Double, _ geographies: [String: Double]) {
        guard let rates = Rates(value), (0...1000).contains(webSearch) else { return nil }
        standard = rates
        fast = value["fast"].flatMap { Rates($0) }
        longPrompt = value["longPrompt"].flatMap { Rates($0) }
        longPromptAbove = value["longPrompt"]?["above"]?.integer.flatMap { Int(exactly: $0) } ?? .max
        self.webSearch = Int64((webSearch * 1e9).rounded())
        self.geographies = geographies.filter { (0...100).contains($0.value) }
    }

    private func rates(_ tokens: TokenCount, isFast: Bool) -> Rates {
        if isFast, let fast { return fast }
        let prompt = tokens.input + tokens.cacheRead + tokens.cacheCreation
        if let longPrompt, prompt > longPromptAbove { return longPrompt }
        return standard
    }

    /// What tokens cost.
    package func cost(of tokens: TokenCount, isFast: Bool = false, geography: String? = nil) -> Money {
        let cost = rates(tokens, isFast: isFast).cost(of: tokens)
        let factor = geography.flatMap { geographies[$0] } ?? 1
        return Money(nanodollars: Int64((Double(cost) * factor).rounded(.up)) + Int64(tokens.webSearches) * webSearch)
    }

    /// What a request can cost at most: its input at the dearest price that input may have, and all of its output.
    func bound(input: Int, output: Int, _ terms: RequestFacts.Terms) -> Money {
        let rates = rates(TokenCount(input: input), isFast: terms.isFast)
        let cost = Int64(input) * rates.dearestInput(terms) + Int64(output) * rates.output
        let factor = terms.geography.flatMap { geographies[$0] } ?? 1
        return Money(nanodollars: Int64((Double(cost) * factor).rounded(.up)))
    }
}
