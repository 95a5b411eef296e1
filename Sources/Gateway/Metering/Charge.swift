import Wire

/// What one request is charged, by what is known of its answer.
struct Charge: Sendable, Hashable {
    /// How it is known.
    package enum Basis: String, Sendable, Hashable {
        /// The answer told it to its end.
        case told
        /// The answer was cut: what it told until then, and the content that had passed.
        case cut
        /// The answer told nothing, or what can not be.
        case estimated
    }

    let tokens: TokenCount
    let model: String?
    /// Nil when the price is not known.
    let cost: Money?
    let basis: Basis

    /// An answer of status 200, from what was read of it.
    ///
    /// - Parameters:
    ///   - facts: the request's, where it was read.
    ///   - grant: how many tokens of output it was allowed.
    init(_ meter: UsageMeter, facts: RequestFacts?, grant: Need.Grant?, _ prices: PriceTable) {
        var tokens = meter.tokens
        var basis: Basis = meter.isWhole ? .told : .cut
        if tokens.input + tokens.cacheRead + tokens.cacheCreation == 0, let facts {
            // No request has no input.
            tokens.input = facts.inputBound(perByte: nil)
            basis = .estimated
        }
        if !meter.isWhole {
            let isUnreadable = meter.tokens == TokenCount() && meter.leastOutput == 0
            tokens.output = max(tokens.output, isUnreadable ? grant?.output ?? 0 : meter.leastOutput)
        } else if tokens.output < meter.leastOutput / 8 {
            // A token has a few letters, never dozens on the average.
            tokens.output = meter.leastOutput
            basis = .estimated
        }
        self.tokens = tokens
        self.basis = basis
        model = meter.model ?? facts?.model
        // Where the answer names another model than the request, the dearer one counts.
        let isUnknown = meter.model == nil && facts == nil
        cost =
            isUnknown
            ? nil
            : [meter.model, facts?.model].compactMap { name in
                name.flatMap { prices[$0] }?
                    .cost(
                        of: tokens,
                        isFast: facts?.terms.isFast ?? false,
                        geography: meter.geography ?? facts?.terms.geography
                    )
            }.max()
    }

    /// A request that was sent and whose answer nobody waited for: it was read, at the least.
    init(unanswered facts: RequestFacts, _ prices: PriceTable) {
        tokens = TokenCount(input: facts.inputBound(perByte: nil))
        model = facts.model
        cost = facts.model.flatMap { prices[$0] }?.cost(of: tokens, isFast: facts.terms.isFast)
        basis = .estimated
    }

    var amount: Ledger.Amount { Ledger.Amount(dollars: cost ?? .zero, tokens: tokens.total) }
}
