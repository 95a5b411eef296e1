import FoundationEssentials

/// What a request may come to.
struct Need: Sendable, Hashable {
    struct Grant: Sendable, Hashable {
        /// How many tokens the answer may have.
        let output: Int
        let amount: Ledger.Amount
    }

    enum Answer: Sendable, Hashable {
        /// With as many tokens of output.
        case granted(Int)
        /// Not while others are under way.
        case later
        case never
    }

    /// An answer of this length is seldom cut.
    private static let comfortable = 16_384

    /// By how much the last request of an account may pass its limit, at most.
    ///
    /// What is set aside is a bound, several times what most requests really cost. If it had to fit, the end of each budget
    /// could not be spent, and the first request of an agent, with all its tools, would find no room in a small one. So one
    /// request goes ahead with whatever is left, with nothing beside it, and with the least output that makes sense.
    static let overrun = Ledger.Amount(dollars: Money(nanodollars: 500_000_000), tokens: 65_536)

    let input: Int
    /// The fewest tokens of output that make sense, and those that were asked for.
    let output: ClosedRange<Int>
    /// Nil where it is not known, which matters only to limits in dollars.
    let price: ModelPrice?
    var terms = RequestFacts.Terms()

    func amount(output: Int) -> Ledger.Amount {
        let dollars = price?.bound(input: input, output: output, terms) ?? .zero
        return Ledger.Amount(dollars: dollars, tokens: input + output)
    }

    /// Decides by one account.
    ///
    /// What is granted is less than all there is, where that is enough for an answer of comfortable length: agents that work at the
    /// same time should not wait for each other.
    func grant(from book: Ledger.Book) -> Answer {
        var most = output.upperBound
        let least = amount(output: output.lowerBound)
        let comfort = min(output.upperBound, max(output.lowerBound, Self.comfortable))
        if let limit = book.limit.dollars {
            // With nothing left nothing goes ahead, not even what costs nothing.
            guard price != nil, book.spent.dollars < limit,
                book.spent.dollars + least.dollars <= limit + Self.overrun.dollars
            else { return .never }
            let free = limit - book.spent.dollars - book.reserved.dollars
            if least.dollars <= free {
                let quarter = Money(nanodollars: free.nanodollars / 4)
                let share = min(free, max(quarter, amount(output: comfort).dollars))
                most = min(most, affordable(share))
            } else {
                guard book.reserved == .zero else { return .later }
                most = output.lowerBound
            }
        }
        if let limit = book.limit.tokens {
            guard book.spent.tokens < limit, book.spent.tokens + least.tokens <= limit + Self.overrun.tokens else {
                return .never
            }
            let free = limit - book.spent.tokens - book.reserved.tokens
            if least.tokens <= free {
                most = min(most, min(free, max(free / 4, input + comfort)) - input)
            } else {
                guard book.reserved == .zero else { return .later }
                most = output.lowerBound
            }
        }
        return .granted(max(most, output.lowerBound))
    }

    /// The most tokens of output that `money` pays for, with the input.
    private func affordable(_ money: Money) -> Int {
        var (low, high) = (output.lowerBound, output.upperBound)
        while low < high {
            let middle = low + (high - low + 1) / 2
            if amount(output: middle).dollars <= money { low = middle } else { high = middle - 1 }
        }
        return low
    }
}

/// A request that no budget has room for.
package struct BudgetExceeded: Error, Sendable, CustomStringConvertible {
    package let account: Ledger.Account
    package let limit: Ledger.Limit
    package let spent: Ledger.Amount
    let need: Need

    package var description: String {
        let whose =
            switch account {
            case .run: "The run's budget"
            case .key: "The budget of this key"
            case .keyByDay: "Today's budget of this key"
            case .allByDay: "Today's budget"
            }
        let least = need.amount(output: need.output.lowerBound)
        if let dollars = limit.dollars, spent.dollars + least.dollars > dollars || spent.dollars >= dollars {
            return "\(whose) of \(dollars.dollars) dollars is used up: \(spent.dollars.dollars) are spent, "
                + "and this request may cost \(least.dollars.dollars)"
        }
        return "\(whose) of \(limit.tokens ?? 0) tokens is used up: \(spent.tokens) are spent, "
            + "and this request may need \(least.tokens)"
    }
}

/// Days of UTC.
package enum Days {
    @Sendable package static func today() -> Int {
        Int((Date().timeIntervalSince1970 / 86_400).rounded(.down))
    }

    /// When today began.
    static var start: Date { Date(timeIntervalSince1970: Double(today()) * 86_400) }
}
