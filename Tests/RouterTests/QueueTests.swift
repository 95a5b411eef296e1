import HTTP
import Linux
import RPC
import Testing
import Wire

@testable import GuestLink

/// Takes one connection after the other, and the next only when the one before has been answered, as a busy machine does.
private func withSlowServer(
    queue: Int32,
    _ answer: String = "HTTP/1.1 204 No Content\r\n\r\n",
    _ body: @Sendable (SocketAddress) async throws -> Void
) async throws {
    let listener = try Listener(.loopback(0), backlog: queue)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            await withTaskGroup(of: Void.self) { connections in
                while let connection = try? await listener.accept() {
                    guard (try? await connection.read(through: "\r\n\r\n"))?.isEmpty == false else { continue }
                    try? await connection.write(answer)
                    connections.addTask {
                        while (try? await connection.read(through: "\r\n\r\n"))?.isEmpty == false {
                            try? await connection.write(answer)
                        }
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
        try await body(listener.address)
    }
}

private func statuses(_ count: Int, _ ask: @escaping @Sendable () async throws -> Int) async throws -> [Int] {
    try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<count { group.addTask { try await ask() } }
        return try await group.reduce(into: []) { $0.append($1) }
    }
}

@Suite struct `a guest's line` {
    @Test func `loses no connection where QEMU's queue has room for two`() async throws {
        try await withDeadline(.seconds(60)) {
            try await withSlowServer(queue: 1) { address in
                let http = GuestLine(to: address).http
                // Each holds its connection until all have one.
                let (connected, all) = (Counter(), Latch<Void>())
                let found = try await statuses(100) {
                    try await http.withResponse(to: request("GET", "/health")) { response in
                        connected.add()
                        if connected.value == 100 { all.set(()) }
                        try await all.value()
                        return response.head.status
                    }
                }
                #expect(found == Array(repeating: 204, count: 100))
            }
        }
    }

    @Test(arguments: ["HTTP/1.1 500 No\r\n\r\n", "nonsense\r\n\r\n", String(repeating: "x", count: 10_000)])
    func `takes no connection from a guest that is not well`(_ answer: String) async throws {
        try await withSlowServer(queue: 10, answer) { address in
            let dialer = GuestDialer(address)
            let first = try await dialer.connect()
            try await first.write("\r\n\r\n")
            let error = await #expect(throws: CallError.self) { try await dialer.connect() }
            #expect(error?.code == .unavailable)
        }
    }

    @Test func `does not wait for ever for a guest that is silent`() async throws {
        let listener = try Listener(.loopback(0))
        let dialer = GuestDialer(listener.address, patience: .milliseconds(20))
        let first = try await dialer.connect()
        await #expect(throws: DeadlineExceeded.self) { try await dialer.connect() }
        first.close()
    }
}

@Suite struct `a server with a short queue` {
    @Test func `is asked by many at once, and answers all`() async throws {
        try await Place.with { place in
            try await withSlowServer(queue: 5, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") { address in
                guard case .tcp(_, let port) = address else { return }
                let found = try await statuses(60) { try await place.send(port: port).head.status }
                #expect(found == Array(repeating: 200, count: 60))
            }
        }
    }
}
