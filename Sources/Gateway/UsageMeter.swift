import FoundationEssentials
import Linux
import Wire

/// What the model requests of a sandbox have come to.
package struct ModelUsage: Sendable, Hashable {
    package var report = RunReport.Usage()
    /// Nil as soon as one request went to a model whose price is not known.
    package var costUSD: Double? = 0

    mutating func add(_ tokens: TokenCount, model: String?) {
        report.requests += 1
        report.inputTokens += tokens.input
        report.outputTokens += tokens.output
        report.cacheReadTokens += tokens.cacheRead
        report.cacheCreationTokens += tokens.cacheCreation
        costUSD = costUSD.flatMap { cost in
            ModelPrice.of(model ?? "").map { cost + $0.dollars(for: tokens) }
        }
    }
}

/// The tokens of one answer.
struct TokenCount: Sendable, Hashable {
    var input = 0
    var output = 0
    var cacheRead = 0
    var cacheCreation = 0

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

    /// Cache reads and writes cost a tenth and five quarters of plain input, as the public price list has it.
    func dollars(for tokens: TokenCount) -> Double {
        let input = Double(tokens.input) + Double(tokens.cacheRead) * 0.1 + Double(tokens.cacheCreation) * 1.25
        return (input * self.input + Double(tokens.output) * output) / 1_000_000
    }

    /// The price of a model; nil when it is not known here.
    ///
    /// `claude-opus-5-5` as Claude Code 2.1.327 reckons it: 100 tokens in and 20 out make 0.0008 dollars.
    static func of(_ model: String) -> ModelPrice? {
        if model.hasPrefix("claude-opus-5-5") { return ModelPrice(input: 4, output: 20) }
        return nil
    }
}

/// Reads the usage out of an answer as its bytes pass by.
struct UsageMeter: Sendable {
    private enum Form {
        /// Server-sent events, line by line.
        case events(LineSplitter)
        /// One JSON object, kept up to a bound.
        case object([UInt8])
    }

    /// An answer that is not streamed and larger than this goes unmetered rather than into memory.
    private static let objectLimit = 32 * 1024 * 1024

    private var form: Form
    private(set) var tokens = TokenCount()
    private(set) var model: String?

    init(isEventStream: Bool) {
        form = isEventStream ? .events(LineSplitter()) : .object([])
    }

    mutating func add(_ bytes: [UInt8]) {
        switch form {
        case .events(var lines):
            for line in lines.add(bytes) { take(line) }
            form = .events(lines)
        case .object(let seen):
            form = .object(seen.count + bytes.count <= Self.objectLimit ? seen + bytes : seen)
        }
    }

    mutating func finish() {
        if case .object(let bytes) = form, let answer = try? JSONValue(parsing: bytes) {
            model = answer["model"]?.string
            if let usage = answer["usage"] { tokens.update(usage) }
        }
    }

    private mutating func take(_ line: [UInt8]) {
        let prefix = Array("data:".utf8)
        // Only two kinds of event carry usage; the many deltas are not worth parsing.
        guard line.starts(with: prefix), line.count < 1 << 20 else { return }
        let text = String(decoding: line, as: UTF8.self)
        guard text.contains("message_start") || text.contains("message_delta"),
            let event = try? JSONValue(parsing: Array(line.dropFirst(prefix.count)))
        else { return }
        switch event["type"]?.string {
        case "message_start":
            model = event["message"]?["model"]?.string ?? model
            if let usage = event["message"]?["usage"] { tokens.update(usage) }
        case "message_delta":
            if let usage = event["usage"] { tokens.update(usage) }
        default: break
        }
    }
}
