import FoundationEssentials
import Records

/// What every model request came to, in the records.
package final class UsageRecords: Sendable {
    package struct Entry: Sendable, Hashable {
        package var time: Date
        package var sandboxID: String
        package var run: String?
        package var key: String?
        package var model: String?
        package var tokens: TokenCount
        /// Nil when the price is not known.
        package var cost: Money?
        /// How it is known: `told`, `cut` or `estimated`.
        package var basis: String
    }

    /// What requests are counted together by.
    package enum Grouping: Sendable, CaseIterable {
        /// A day of UTC, as `2026-11-20`.
        case day
        case key
        case run
        case model
        case sandbox

        fileprivate var expression: String {
            switch self {
            case .day: "date(at, 'unixepoch')"
            case .key: "key"
            case .run: "run"
            case .model: "model"
            case .sandbox: "sandbox"
            }
        }
    }

    /// What several requests came to together.
    package struct Sum: Sendable, Hashable {
        /// Nil for those that have no such thing, such as a run.
        package var group: String?
        package var requests: Int
        package var tokens: TokenCount
        /// At known prices.
        package var cost: Money
        package var isCostKnown: Bool
        package var last: Date
    }

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    package func add(_ entry: Entry) async throws {
        try await database.transaction { connection in
            try connection.execute(
                """
                INSERT INTO usage (at, sandbox, run, key, model, input, output, cacheRead, cacheCreation, cacheCreationHour,
                webSearches, nanodollars, basis) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                entry.time.timeIntervalSince1970,
                entry.sandboxID,
                entry.run,
                entry.key,
                entry.model,
                entry.tokens.input,
                entry.tokens.output,
                entry.tokens.cacheRead,
                entry.tokens.cacheCreation,
                entry.tokens.cacheCreationHour,
                entry.tokens.webSearches,
                entry.cost?.nanodollars,
                entry.basis
            )
        }
    }

    /// Sums in the time from `start` to `end`; of one key, or one run, or all. Days come in their order, everything else with
    /// the latest first.
    package func sums(
        by grouping: Grouping = .model,
        from start: Date = .distantPast,
        to end: Date = .distantFuture,
        key: String? = nil,
        run: String? = nil
    ) async throws -> [Sum] {
        let order = grouping == .day ? "name" : "last DESC, name"
        return try await database.read { connection in
            try connection.query(
                """
                SELECT \(grouping.expression) AS name, count(*) AS requests, sum(input) AS input, sum(output) AS output,
                sum(cacheRead) AS cacheRead, sum(cacheCreation) AS cacheCreation, sum(cacheCreationHour) AS cacheCreationHour,
                sum(webSearches) AS webSearches, ifnull(sum(nanodollars), 0) AS nanodollars,
                count(nanodollars) AS priced, max(at) AS last FROM usage
                WHERE at >= ? AND at < ? AND (? IS NULL OR key = ?) AND (? IS NULL OR run = ?) GROUP BY name ORDER BY \(order)
                """,
                start.timeIntervalSince1970,
                end.timeIntervalSince1970,
                key,
                key,
                run,
                run,
                row: { row in
                    let requests = try row.integer("requests")
                    return Sum(
                        group: try row.optionalText("name"),
                        requests: requests,
                        tokens: TokenCount(
                            input: try row.integer("input"),
                            output: try row.integer("output"),
                            cacheRead: try row.integer("cacheRead"),
                            cacheCreation: try row.integer("cacheCreation"),
                            cacheCreationHour: try row.integer("cacheCreationHour"),
                            webSearches: try row.integer("webSearches")
                        ),
                        cost: Money(nanodollars: Int64(try row.integer("nanodollars"))),
                        isCostKnown: try row.integer("priced") == requests,
                        last: Date(timeIntervalSince1970: try row.real("last"))
                    )
                }
            )
        }
    }

    /// What a key, or everybody, has spent since a moment: what a ledger begins with.
    package func spent(by key: String?, since start: Date) async throws -> Ledger.Amount {
        try await sums(from: start, key: key).reduce(into: .zero) { amount, sum in
            amount.dollars += sum.cost
            amount.tokens += sum.tokens.total
        }
    }
}
