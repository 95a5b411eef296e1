import HTTP
import Linux
import Synchronization

/// Runs a server on a port of its own while `body` runs.
func withServer<Result: Sendable>(
    limits: HTTPLimits = HTTPLimits(),
    _ handler: @escaping HTTPServer.Handler,
    _ body: @Sendable (SocketAddress) async throws -> Result
) async throws -> Result {
    let listener = try Listener(.loopback(0))
    let server = HTTPServer(limits: limits, handler: handler)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try? await server.run(on: listener) }
        defer {
            group.cancelAll()
            listener.close()
        }
        return try await body(listener.address)
    }
}

/// Gives each accepted connection, with its number from 0, to `serve` while `body` runs: a server that breaks rules.
func withRawServer<Result: Sendable>(
    _ serve: @escaping @Sendable (Channel, Int) async throws -> Void,
    _ body: @Sendable (SocketAddress) async throws -> Result
) async throws -> Result {
    let listener = try Listener(.loopback(0))
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            await withTaskGroup(of: Void.self) { connections in
                var number = 0
                while let connection = try? await listener.accept() {
                    let mine = number
                    number += 1
                    connections.addTask {
                        try? await serve(connection, mine)
                        connection.close()
                    }
                }
                connections.cancelAll()
            }
        }
        defer {
            group.cancelAll()
            listener.close()
        }
        return try await body(listener.address)
    }
}

extension ByteStream {
    func write(_ text: String) async throws { try await write(Array(text.utf8)) }

    /// Reads until the bytes so far end with `text`, or the stream ends.
    func read(through text: String) async throws -> String {
        let end = Array(text.utf8)
        var all: [UInt8] = []
        while !all.suffix(end.count).elementsEqual(end) {
            let bytes = try await read(upTo: 1)
            if bytes.isEmpty { break }
            all += bytes
        }
        return String(decoding: all, as: UTF8.self)
    }

    func readToEnd() async throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = try await read()
            if bytes.isEmpty { return all }
            all += bytes
        }
    }

    func textToEnd() async throws -> String { String(decoding: try await readToEnd(), as: UTF8.self) }
}

extension HTTPClient {
    convenience init(_ address: SocketAddress) {
        self.init { try await Channel.connect(to: address) }
    }

    /// A client that counts its connections.
    convenience init(_ address: SocketAddress, counting connections: Counter) {
        self.init {
            connections.add(1)
            return try await Channel.connect(to: address)
        }
    }
}

func request(_ method: String, _ target: String = "/", _ headers: Headers = [:]) -> RequestHead {
    var head = RequestHead(method: method, target: target, headers: headers)
    head.headers["Host"] = "test"
    return head
}

final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add(_ amount: Int) { count.add(amount, ordering: .relaxed) }
}

/// What goes wrong on purpose.
struct Mishap: Error {}

/// `count` bytes that do not repeat with any power of two.
func pattern(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = Array(0..<251)
    while bytes.count < count { bytes += bytes }
    return Array(bytes.prefix(count))
}
