/// An amount of dollars, counted in billionths: sums of any number of tokens are exact.
package struct Money: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var nanodollars: Int64

    package static let zero = Money(nanodollars: 0)

    package init(nanodollars: Int64) {
        self.nanodollars = nanodollars
    }

    /// The nearest amount; of what is no amount, the largest or none.
    package init(dollars: Double) {
        nanodollars =
            dollars.isNaN ? 0 : Int64(exactly: (dollars * 1e9).rounded()) ?? (dollars < 0 ? .min / 4 : .max / 4)
    }

    package var dollars: Double { Double(nanodollars) / 1e9 }

    package static func + (one: Money, other: Money) -> Money {
        Money(nanodollars: one.nanodollars + other.nanodollars)
    }

    package static func - (one: Money, other: Money) -> Money {
        Money(nanodollars: one.nanodollars - other.nanodollars)
    }

    package static func += (sum: inout Money, more: Money) { sum = sum + more }
    package static func -= (sum: inout Money, less: Money) { sum = sum - less }

    package static func < (one: Money, other: Money) -> Bool { one.nanodollars < other.nanodollars }

    /// As people write dollars, with as many digits as there are.
    package var description: String { "$\(dollars)" }
}
