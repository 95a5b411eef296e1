import Glibc
import HTTP
import Linux
import Synchronization
import Wire

@testable import Gateway

/// A model endpoint between a guest's client and an upstream that a test plays.
struct Gate: Sendable {
    let endpoint: ModelEndpoint
    let client: HTTPClient
    let address: SocketAddress

    static func with<Result: Sendable>(
        credential: ModelUpstream.Credential = .apiKey(Secret("the-real-key")),
        prefix: String = "",
        budgetUSD: Double? = nil,
        accounts: (Ledger, [Ledger.Account])? = nil,
        records: UsageRecords? = nil,
        upstream: @escaping HTTPServer.Handler,
        _ body: @Sendable (Gate) async throws -> Result
    ) async throws -> Result {
        try await withServer(upstream) { address in
            let upstream = try ModelUpstream(baseURL: "http://\(address)\(prefix)", credential: credential)
            return try await with(ModelEndpoint(upstream: upstream, purse: .test(budgetUSD, accounts, records)), body)
        }
    }

    static func with<Result: Sendable>(
        _ endpoint: ModelEndpoint,
        _ body: @Sendable (Gate) async throws -> Result
    ) async throws -> Result {
        try await withServer({ try await endpoint.handle($0) }) { address in
            let client = HTTPClient { try await Channel.connect(to: address) }
            return try await body(Gate(endpoint: endpoint, client: client, address: address))
        }
    }

    func ask(_ text: String = "{}") async throws -> (head: ResponseHead, body: [UInt8]) {
        try await client.send(message, body: .bytes(Array(text.utf8)))
    }

    var message: RequestHead {
        RequestHead(
            method: "POST",
            target: "/v1/messages?beta=true",
            headers: ["Host": "gate", "Content-Type": "application/json"]
        )
    }
}

extension Purse {
    /// A purse of one run.
    static func test(
        _ budgetUSD: Double? = nil,
        _ accounts: (Ledger, [Ledger.Account])? = nil,
        _ records: UsageRecords? = nil
    ) -> Purse {
        let ledger = accounts?.0 ?? Ledger()
        if let budgetUSD { ledger.open(.run("r"), limit: Ledger.Limit(dollars: Money(dollars: budgetUSD))) }
        return Purse(
            sandboxID: "isandbox",
            run: "r",
            ledger: ledger,
            accounts: (budgetUSD == nil ? [] : [.run("r")]) + (accounts?.1 ?? []),
            records: records
        )
    }
}

func withServer<Result: Sendable>(
    _ handler: @escaping HTTPServer.Handler,
    _ body: @Sendable (SocketAddress) async throws -> Result
) async throws -> Result {
    let listener = try Listener(.loopback(0))
    let server = HTTPServer(handler: handler)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try? await server.run(on: listener) }
        defer {
            group.cancelAll()
            listener.close()
        }
        return try await body(listener.address)
    }
}

/// Keeps what an upstream saw.
final class Seen<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    var all: [Value] { values.withLock { $0 } }
    func add(_ value: Value) { values.withLock { $0.append(value) } }
}

extension ByteStream {
    func readToEnd() async throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = try await read()
            if bytes.isEmpty { return all }
            all += bytes
        }
    }
}

/// The error object in a refusal of the Messages API.
func apiError(_ body: [UInt8]) throws -> JSONValue? {
    let answer = try JSONValue(parsing: body)
    return answer["type"] == "error" ? answer["error"] : nil
}

/// A streamed answer of `claude-opus-5-5`: 100 tokens in, 20 out.
let eventStream = """
    event: message_start
    data: {"type":"message_start","message":{"id":"m","model":"claude-opus-5-5","usage":{"input_tokens":100,"output_tokens":1}}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"usage message_delta: é"}}

    event: message_delta
    data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":20}}

    event: message_stop
    data: {"type":"message_stop"}


    """

/// Two ends of one unix stream.
func pair() throws -> (Channel, Channel) {
    var ends: [Int32] = [-1, -1]
    try check("make a pair of sockets") {
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
    }
    return (try Channel(Descriptor(owning: ends[0])), try Channel(Descriptor(owning: ends[1])))
}
