import FoundationEssentials
import Gateway
import Linux
import RPC
import Wire

/// Reads one round of an agent: keeps every line, understands those it knows, tells what a person wants to see.
struct AgentReader {
    /// A line longer than this is kept and not understood.
    private static let lineLimit = 64 * 1024 * 1024

    let record: AgentRecord
    let output: Descriptor
    let endpoint: GuestGateway.Opening
    let schema: ResultSchema?
    let tell: @Sendable (RunEvent) async throws -> Void
    private var lines = LineSplitter()
    /// Called when the agent has said what came of its turn.
    private var atResult: (@Sendable () async -> Void)?
    private var errorTail: [UInt8] = []

    init(
        record: AgentRecord,
        output: Descriptor,
        endpoint: GuestGateway.Opening,
        schema: ResultSchema?,
        tell: @escaping @Sendable (RunEvent) async throws -> Void
    ) {
        self.record = record
        self.output = output
        self.endpoint = endpoint
        self.schema = schema
        self.tell = tell
    }

    /// Has it read on behind `lines`, and say the end when the agent has had its turn.
    mutating func goOn(after lines: LineSplitter, atResult: @Sendable @escaping () async -> Void) {
        self.lines = lines
        self.atResult = atResult
    }

    /// Reads until the agent's process has ended.
    mutating func read(_ events: inout MessageReader<ProcessStreamEvent>) async throws -> RoundEnd {
        while let message = try await events.next() {
            if let start = message.event.start { record.change { $0.processID = start.pid } }
            if let data = message.event.data {
                if let bytes = data.stdout {
                    for line in lines.add(Array(bytes)) { try await take(line) }
                    guard lines.pendingCount <= Self.lineLimit else {
                        throw CallError(
                            .resourceExhausted,
                            "Claude Code wrote a line longer than \(Self.lineLimit) bytes"
                        )
                    }
                }
                if let bytes = data.stderr { errorTail = Array((errorTail + Array(bytes)).suffix(2000)) }
            }
            if message.event.keepalive != nil { try await tell(.keepalive) }
            if let end = message.event.end {
                record.change { $0.processID = nil }
                // What came without a line end was cut; it is kept as it is.
                if let rest = lines.finish() { try await take(rest) }
                let status =
                    (end.exitCode ?? 0) == 0 && end.exited != false
                    ? nil : end.error ?? end.status ?? "exit status \(end.exitCode ?? 0)"
                let tail = String(decoding: errorTail, as: UTF8.self)
                return RoundEnd(record.work.transcript.ending, status: status, errorTail: Self.trimmed(tail))
            }
        }
        throw CallError(.dataLoss, "The guest's stream ended before Claude Code did")
    }

    private mutating func take(_ line: [UInt8]) async throws {
        try output.writeAll(line + [0x0A])
        guard let event = try? JSONValue(parsing: line) else { return }
        let notes = record.change { $0.transcript.add(event) }
        try await tell(.agent(event))
        for attempt in schema?.untold() ?? [] { try await tell(.attempt(attempt)) }
        for note in notes {
            switch note {
            case .tool(let name, let detail): try await tell(.progress(progress(tool: name, detail: detail)))
            case .retry(let text): try await tell(.warning(text))
            }
        }
        if event["type"]?.string == "result" { await atResult?() }
        if notes.isEmpty, event["type"]?.string == "assistant" {
            try await tell(.progress(progress(tool: nil, detail: nil)))
        }
    }

    private func progress(tool: String?, detail: String?) -> RunEvent.Progress {
        let usage = endpoint.usage
        return RunEvent.Progress(
            turns: record.work.transcript.turns,
            tokens: usage.report.total,
            costUSD: usage.costUSD,
            tool: tool,
            detail: detail
        )
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
