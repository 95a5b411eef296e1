import HTTP
import Linux
import Synchronization
import Testing
import Wire

/// Runs a server, as a program in the guest would, while `body` runs; agents of these tests share this machine's loopback.
func withServer(
    limits: HTTPLimits = HTTPLimits(),
    through secure: (@Sendable (Channel) async throws -> any ByteStream)? = nil,
    _ handler: @escaping HTTPServer.Handler,
    _ body: @Sendable (UInt16) async throws -> Void
) async throws {
    let listener = try Listener(.loopback(0))
    let server = HTTPServer(limits: limits, handler: handler)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try? await server.run(on: listener, through: secure) }
        defer {
            group.cancelAll()
            listener.close()
        }
        try await body(port(of: listener))
    }
}

/// Gives each accepted connection, with its number from 0, to `serve` while `body` runs: a server that breaks rules.
func withRawServer(
    _ serve: @escaping @Sendable (Channel, Int) async throws -> Void,
    _ body: @Sendable (UInt16) async throws -> Void
) async throws {
    let listener = try Listener(.loopback(0))
    try await withThrowingTaskGroup(of: Void.self) { group in
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
        try await body(port(of: listener))
    }
}

/// A port on which nothing listens.
func closedPort() throws -> UInt16 {
    let listener = try Listener(.loopback(0))
    defer { listener.close() }
    return port(of: listener)
}

func port(of listener: Listener) -> UInt16 {
    guard case .tcp(_, let port) = listener.address else { return 0 }
    return port
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

    func textToEnd() async throws -> String {
        var all: [UInt8] = []
        while true {
            let bytes = try await read()
            if bytes.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += bytes
        }
    }
}

final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add(_ amount: Int = 1) { count.add(amount, ordering: .relaxed) }
}

/// `count` bytes that do not repeat with any power of two.
func pattern(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = Array(0..<251)
    while bytes.count < count { bytes += bytes }
    return Array(bytes.prefix(count))
}

/// A JSON answer of the router's own.
func json(_ bytes: [UInt8]) throws -> JSONValue { try JSONValue(parsing: bytes) }

/// Expects a value. The macro does not take these calls itself: it can not tell that they throw.
func expect<Value: Equatable>(_ value: Value, is expected: Value, at place: SourceLocation = #_sourceLocation) {
    #expect(value == expected, sourceLocation: place)
}
