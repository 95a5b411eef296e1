import FoundationEssentials
import Linux
import Synchronization
import Testing

@testable import Gateway

@Suite struct `a budget` {
    private let price = PriceTable.standard["claude-opus-5-5"]

    private func need(_ input: Int, _ output: ClosedRange<Int>) -> Need {
        Need(input: input, output: output, price: price)
    }

    private func ledger(_ dollars: Double? = nil, tokens: Int? = nil) -> Ledger {
        let ledger = Ledger()
        ledger.open(.run("r"), limit: Ledger.Limit(dollars: dollars.map(Money.init(dollars:)), tokens: tokens))
        return ledger
    }

    @Test func `grants less than all there is, and never more`() async throws {
        let ledger = ledger(2)
        var reservations: [Reservation] = []
        for _ in 0..<4 {
            let reservation = try await ledger.reserve(need(1000, 1024...128_000), in: [.run("r")])
            #expect((1024..<128_000).contains(reservation.grant.output))
            reservations.append(reservation)
        }
        let all = reservations.reduce(Money.zero) { $0 + $1.grant.amount.dollars }
        #expect(all <= Money(dollars: 2))
    }

    @Test func `lets a request wait for others, and go on when they cost less`() async throws {
        let ledger = ledger(0.1)
        let first = try await ledger.reserve(need(0, 4000...4000), in: [.run("r")])
        let second = Task { try await ledger.reserve(need(0, 2000...2000), in: [.run("r")]) }
        first.settle(Ledger.Amount(dollars: Money(dollars: 0.01), tokens: 1))
        #expect(try await second.value.grant.output == 2000)
        #expect(ledger.spent(.run("r")).dollars == Money(dollars: 0.01))
    }

    @Test func `refuses what fits no more, also one that waited for it`() async throws {
        let ledger = ledger(0.1)
        let first = try await ledger.reserve(need(0, 4000...4000), in: [.run("r")])
        let second = Task { try await ledger.reserve(need(0, 29_000...29_000), in: [.run("r")]) }
        first.settle(Ledger.Amount(dollars: Money(dollars: 0.08), tokens: 4000))
        await #expect(throws: BudgetExceeded.self) { try await second.value }
        let error = await #expect(throws: BudgetExceeded.self) {
            try await ledger.reserve(need(0, 50_000...50_000), in: [.run("r")])
        }
        #expect(error?.description.hasPrefix("The run's budget of 0.1 dollars is used up: 0.08 are spent") == true)
    }

    @Test func `gives what is left to one request alone, and nothing to those behind it`() async throws {
        let ledger = ledger(0.1)
        let first = try await ledger.reserve(need(0, 8000...20_000), in: [.run("r")])
        #expect(first.grant.output == 8000)
        let second = Task { try await ledger.reserve(need(0, 1024...2000), in: [.run("r")]) }
        first.settle(Ledger.Amount(dollars: Money(dollars: 0.11), tokens: 5500))
        await #expect(throws: BudgetExceeded.self) { try await second.value }
    }

    @Test func `stops waiting when the guest does, and when the run is over`() async throws {
        let ledger = ledger(0.1)
        let first = try await ledger.reserve(need(0, 4000...4000), in: [.run("r")])
        let patience = Task { try await ledger.reserve(need(0, 2000...2000), in: [.run("r")]) }
        patience.cancel()
        await #expect(throws: CancellationError.self) { try await patience.value }
        let late = Task { try await ledger.reserve(need(0, 2000...2000), in: [.run("r")]) }
        ledger.close(.run("r"))
        await #expect(throws: BudgetExceeded.self) { try await late.value }
        first.settle(.zero)
    }

    @Test func `counts what nobody settled as spent`() async throws {
        let ledger = ledger(tokens: 1000)
        do { _ = try await ledger.reserve(need(100, 200...200), in: [.run("r")]) }
        #expect(ledger.spent(.run("r")).tokens == 300)
    }

    @Test func `holds in every account at once, or sets nothing aside`() async throws {
        let ledger = ledger(tokens: 1000)
        let spent = Ledger.Amount(dollars: .zero, tokens: 100)
        ledger.open(.key("k"), limit: Ledger.Limit(tokens: 100), spent: spent)
        await #expect(throws: BudgetExceeded.self) {
            try await ledger.reserve(need(100, 10...10), in: [.run("r"), .key("k")])
        }
        let reservation = try await ledger.reserve(need(900, 100...100), in: [.run("r")])
        reservation.settle(.zero)
        #expect(ledger.spent(.run("r")) == .zero)
        // What was spent is never unlearned by an account that is opened again.
        ledger.open(.key("k"), limit: Ledger.Limit(tokens: 101), spent: .zero)
        #expect(ledger.spent(.key("k")) == spent)
    }

    @Test func `of a day is new on the next`() async throws {
        let day = Mutex(1)
        let today = { @Sendable in day.withLock { $0 } }
        let ledger = Ledger(today: today)
        ledger.open(.keyByDay("k"), limit: Ledger.Limit(tokens: 100))
        try await ledger.reserve(need(50, 50...50), in: [.keyByDay("k")]).settle(
            Ledger.Amount(dollars: .zero, tokens: 100)
        )
        await #expect(throws: BudgetExceeded.self) { try await ledger.reserve(need(1, 1...1), in: [.keyByDay("k")]) }
        day.withLock { $0 = 2 }
        _ = try await ledger.reserve(need(1, 1...1), in: [.keyByDay("k")])
    }
}

@Suite struct `the facts of a request` {
    private func facts(_ text: String) throws -> RequestFacts { try RequestFacts(Array(text.utf8)) }

    @Test func `are read wherever they stand`() throws {
        let text = #"""
            { "messages": [{"role":"user","content":"\"model\":\"x\" {[ \\"}], "tools":[{"max_tokens":5,"a":[1,{"b":null}]}],
              "\u006dodel" : "claude-opus-5-5" ,"stream":true,"thinking":{"type":"enabled","budget_tokens":7},"max_tokens" : 1200 ,
              "speed":"fast"}
            """#
        let facts = try facts(text)
        #expect(facts.model == "claude-opus-5-5" && facts.maxTokens == 1200 && facts.thinkingBudget == 7)
        #expect(facts.terms == RequestFacts.Terms(isFast: true))
        let place = try #require(facts.maxTokensPlace)
        #expect(Array(text.utf8)[place].elementsEqual("1200".utf8))
        #expect(try self.facts("{}").model == nil)
    }

    @Test(arguments: [
        #"{"model":"a","model":"b"}"#, #"{"max_tokens":1,"max_tok\u0065ns":100000}"#, "", "[]", "{", #"{"a":1"#,
        #"{"a"}"#,
        #"{"a":1}x"#, #"{"model":"a\"}"#, #"{"max_tokens":-5}"#, #"{"max_tokens":1.5}"#, #"{"max_tokens":"5"}"#,
        #"{"a":}"#,
        #"{"a":1,}"#, #"{"max_tokens":1e99}"#,
    ])
    func `are refused when they are unclear`(text: String) {
        #expect(throws: RequestFacts.Unclear.self) { try facts(text) }
    }

    @Test func `reckon pictures by other rules than text`() throws {
        let picture = String(repeating: "A", count: 1_000_000)
        let seen = try facts(#"{"messages":[{"source":{"type":"base64","data":"\#(picture)"}}]}"#)
        #expect(seen.inputBound(perByte: nil) < 70_000)
        #expect(try facts(#"{"messages":[{"text":"\#(picture)"}]}"#).inputBound(perByte: nil) >= 300_000)
        let cached = try facts(#"{"system":[{"cache_control":{"type":"ephemeral","ttl":"1h"}}],"inference_geo":"us"}"#)
        #expect(cached.terms == RequestFacts.Terms(mayCache: true, mayCacheForAnHour: true, geography: "us"))
    }
}
