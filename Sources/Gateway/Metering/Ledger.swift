// Budgets that hold. A request is paid for before it is forwarded: its highest possible cost is set aside in every account that
// it is charged to, and what it really cost takes the place of that when it is over. Fifty requests at once find the
// money of each other set aside.
//
//     spent + set aside + this one ≤ limit     goes ahead, with as much output as there is money for
//     spent < limit, and others under way      waits for them to end
//     spent < limit, and nothing set aside     goes ahead alone, with the least output: the limit is passed by what this one
//                                              really costs beyond it, at most by `Need.overrun`
//     else                                     is refused

import Linux
import Synchronization

/// The accounts of an installation.
package final class Ledger: Sendable {
    /// Whose money it is.
    package enum Account: Sendable, Hashable {
        case run(String)
        /// An API key, over its whole life.
        case key(String)
        /// An API key, on each day of UTC anew.
        case keyByDay(String)
        /// Everybody together, on each day of UTC anew.
        case allByDay
    }

    package struct Limit: Sendable, Hashable {
        package var dollars: Money?
        package var tokens: Int?

        package init(dollars: Money? = nil, tokens: Int? = nil) {
            self.dollars = dollars
            self.tokens = tokens
        }
    }

    package struct Amount: Sendable, Hashable {
        package var dollars: Money
        package var tokens: Int

        package static let zero = Amount(dollars: .zero, tokens: 0)

        static func += (sum: inout Amount, more: Amount) {
            sum.dollars += more.dollars
            sum.tokens += more.tokens
        }

        mutating func raise(to least: Amount) {
            dollars = max(dollars, least.dollars)
            tokens = max(tokens, least.tokens)
        }

        static func -= (sum: inout Amount, less: Amount) {
            sum.dollars -= less.dollars
            sum.tokens -= less.tokens
        }
    }

    struct Book {
        var limit = Limit()
        var spent = Amount.zero
        var reserved = Amount.zero
    }

    /// An account, and the day where it has one.
    struct Page: Hashable {
        let account: Account
        let day: Int
    }

    private struct State {
        var limits: [Account: Limit] = [:]
        var books: [Page: Book] = [:]

        /// What an account may spend. A run that is over may spend nothing, also where a request still waits.
        func limit(of account: Account) -> Limit {
            if let limit = limits[account] { return limit }
            if case .run = account { return Limit(dollars: .zero, tokens: 0) }
            return Limit()
        }
    }

    private let state = Mutex(State())
    /// What was settled, opened and closed.
    private let changes = Changes()
    private let today: @Sendable () -> Int

    /// - Parameter today: days since 1970 in UTC.
    package init(today: @escaping @Sendable () -> Int = Days.today) {
        self.today = today
    }

    /// Sets what an account may spend, and what it has spent at the least, such as before this process began.
    package func open(_ account: Account, limit: Limit, spent: Amount? = nil) {
        let page = page(of: account)
        state.withLock { state in
            state.limits[account] = limit
            if let spent { state.books[page, default: Book()].spent.raise(to: spent) }
        }
        changes.announce()
    }

    /// Forgets an account, such as that of a run that is over.
    package func close(_ account: Account) {
        state.withLock { state in
            state.limits.removeValue(forKey: account)
            state.books = state.books.filter { $0.key.account != account }
        }
        changes.announce()
    }

    package func spent(_ account: Account) -> Amount {
        let page = page(of: account)
        return state.withLock { $0.books[page]?.spent ?? .zero }
    }

    /// Whether anything limits these accounts, so that requests have to be read.
    func isLimited(_ accounts: [Account]) -> Bool {
        state.withLock { state in
            accounts.contains { state.limits[$0].map { $0.dollars != nil || $0.tokens != nil } ?? false }
        }
    }

    func limitsDollars(_ accounts: [Account]) -> Bool {
        state.withLock { state in accounts.contains { state.limits[$0]?.dollars != nil } }
    }

    private func page(of account: Account) -> Page {
        switch account {
        case .run, .key: Page(account: account, day: 0)
        case .keyByDay, .allByDay: Page(account: account, day: today())
        }
    }

    // MARK: Setting aside

    /// Sets aside what a request can cost, in all accounts or none; waits where only requests that are under way stand against
    /// it.
    ///
    /// - Throws: ``BudgetExceeded`` when it can not fit any more, `CancellationError` at once when the task is cancelled.
    func reserve(_ need: Need, in accounts: [Account]) async throws -> Reservation {
        while true {
            let pages = accounts.map(page)
            let seen = changes.version
            let grant: Need.Grant? = try state.withLock { state in
                var output = need.output.upperBound
                var mustWait = false
                for page in pages {
                    var book = state.books[page] ?? Book()
                    book.limit = state.limit(of: page.account)
                    switch need.grant(from: book) {
                    case .granted(let most): output = min(output, most)
                    case .later: mustWait = true
                    case .never:
                        throw BudgetExceeded(account: page.account, limit: book.limit, spent: book.spent, need: need)
                    }
                }
                if mustWait { return nil }
                let amount = need.amount(output: output)
                for page in pages { state.books[page, default: Book()].reserved += amount }
                return Need.Grant(output: output, amount: amount)
            }
            if let grant { return Reservation(self, pages, grant) }
            try await changes.wait(past: seen)
            try Task.checkCancellation()
        }
    }

    fileprivate func settle(_ pages: [Page], _ reserved: Amount, with real: Amount) {
        state.withLock { state in
            for page in pages {
                // A closed account has no book any more.
                guard state.books[page] != nil else { continue }
                state.books[page]?.reserved -= reserved
                state.books[page]?.spent += real
            }
        }
        changes.announce()
    }
}

/// What was set aside for one request. Unless it is settled, all of it counts as spent.
final class Reservation: Sendable {
    private let ledger: Ledger
    private let pages: [Ledger.Page]
    let grant: Need.Grant
    private let isSettled = Mutex(false)

    init(_ ledger: Ledger, _ pages: [Ledger.Page], _ grant: Need.Grant) {
        self.ledger = ledger
        self.pages = pages
        self.grant = grant
    }

    var isOpen: Bool { isSettled.withLock { !$0 } }

    /// Puts what the request really cost in the place of what was set aside; a second call does nothing.
    func settle(_ real: Ledger.Amount) {
        let isFirst = isSettled.withLock { isSettled in
            defer { isSettled = true }
            return !isSettled
        }
        if isFirst { ledger.settle(pages, grant.amount, with: real) }
    }

    deinit {
        settle(grant.amount)
    }
}
