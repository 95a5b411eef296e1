import Testing
import Wire

@testable import Gateway

@Suite struct `the usage meter` {
    private func read(_ text: String, inPiecesOf size: Int, isEventStream: Bool = true) -> UsageMeter {
        var meter = UsageMeter(isEventStream: isEventStream)
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            meter.add(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        meter.finish()
        return meter
    }

    @Test(arguments: [1, 2, 3, 7, 50, 10_000], ["\n", "\r\n"])
    func `reads a stream in whatever pieces it comes`(size: Int, end: String) {
        let meter = read(
            eventStream.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: end),
            inPiecesOf: size
        )
        #expect(meter.model == "claude-opus-5-5")
        #expect(meter.tokens == TokenCount(input: 100, output: 20))
    }

    @Test func `counts what a cut stream has told`() {
        for (count, output) in [(150, 1), (eventStream.utf8.count - 45, 20)] {
            let meter = read(String(decoding: eventStream.utf8.prefix(count), as: UTF8.self), inPiecesOf: 11)
            #expect(meter.tokens == TokenCount(input: 100, output: output))
        }
    }

    @Test func `reads a whole message, and the last word on what is told twice`() {
        let text = """
            {"model":"m","usage":{"input_tokens":1,"output_tokens":2,"cache_read_input_tokens":3,"cache_creation_input_tokens":4}}
            """
        #expect(
            read(text, inPiecesOf: 10, isEventStream: false).tokens
                == TokenCount(input: 1, output: 2, cacheRead: 3, cacheCreation: 4)
        )
        let twice = """
            data: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":1,"cache_read_input_tokens":9}}}
            data:{"type":"message_delta","usage":{"input_tokens":5,"output_tokens":6}}
            """
        #expect(read(twice, inPiecesOf: 10).tokens == TokenCount(input: 5, output: 6, cacheRead: 9))
    }

    @Test(arguments: [
        "", "data: {", "data: message_start", "{\"usage\":3}", "data: {\"type\":\"message_start\"}",
        "data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":\"many\",\"output_tokens\":-7}}",
    ])
    func `takes nonsense for nothing`(text: String) {
        for isEventStream in [true, false] {
            #expect(read(text, inPiecesOf: 3, isEventStream: isEventStream).tokens == TokenCount())
        }
    }

    @Test func `keeps no line of any length, and finds the next`() {
        var meter = UsageMeter(isEventStream: true)
        meter.add(Array("data: message_start ".utf8))
        for _ in 0..<40 { meter.add([UInt8](repeating: 65, count: 65_536)) }
        meter.add(Array("\n\(eventStream)".utf8))
        meter.finish()
        #expect(meter.tokens == TokenCount(input: 100, output: 20))
    }
}

@Suite struct `the cost of a run` {
    private func cost(_ tokens: TokenCount, _ model: String) -> Money? { PriceTable.standard[model]?.cost(of: tokens) }

    @Test func `adds up by model, as far as prices are known`() {
        var usage = ModelUsage()
        #expect(usage.costUSD == 0)
        let first = TokenCount(input: 100, output: 20)
        usage.add(first, model: "claude-opus-5-5", cost: cost(first, "claude-opus-5-5"))
        #expect(usage.costUSD == 0.0008)
        let second = TokenCount(cacheRead: 1_000_000, cacheCreation: 1_000_000, cacheCreationHour: 500_000)
        usage.add(second, model: "claude-opus-5-5-20260901", cost: cost(second, "claude-opus-5-5-20260901"))
        #expect(usage.costUSD == 0.0008 + 0.2 + 2.5 + 4)
        let third = TokenCount(input: 7)
        usage.add(third, model: "another-model", cost: cost(third, "another-model"))
        #expect(usage.costUSD == nil)
        #expect(usage.knownCostUSD > 5.4)
        #expect(usage.report.requests == 3 && usage.report.inputTokens == 107)
        #expect(usage.byModel["another-model"] == TokenCount(input: 7))
    }

    @Test(arguments: [
        "claude-opus-5-50", "claude-opus-5-5-mini", "claude-opus-6", "", "-20260901", "claude-opus-5-5-2026",
    ])
    func `is not guessed for another model`(name: String) {
        #expect(PriceTable.standard[name] == nil)
    }

    @Test func `depends on the prompt's length, the speed, the place and the searches`() throws {
        let haiku = try #require(PriceTable.standard["claude-haiku-5-5"])
        #expect(haiku.cost(of: TokenCount(input: 100_000)).dollars == 0.01)
        #expect(haiku.cost(of: TokenCount(input: 100_000, cacheRead: 1)).nanodollars == 100_000 * 500 + 50)
        let opus = try #require(PriceTable.standard["claude-opus-5-5"])
        #expect(opus.cost(of: TokenCount(output: 1000), isFast: true).dollars == 0.04)
        #expect(opus.cost(of: TokenCount(output: 1000), geography: "us").dollars == 0.022)
        #expect(opus.cost(of: TokenCount(webSearches: 3)).dollars == 0.03)
    }

    @Test func `may be told by a list of one's own`() throws {
        let own = #"{"models":{"mine":{"input":1,"output":2,"cacheRead":0,"cacheWrite":0,"cacheWriteHour":0}}}"#
        let table = PriceTable.standard.replaced(by: try PriceTable(parsing: Array(own.utf8)))
        #expect(table["mine"]?.cost(of: TokenCount(input: 1_000_000)).dollars == 1)
        #expect(table["claude-opus-5-5"] != nil)
        for broken in ["", #"{"models":{"m":{"input":1}}}"#, #"{"models":{"m":{"input":-1,"output":2}}}"#] {
            let error = #expect(throws: GatewayError.self) { try PriceTable(parsing: Array(broken.utf8)) }
            #expect(error?.code == .invalidPrices)
        }
    }
}
