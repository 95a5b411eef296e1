import Glibc
import Testing

@testable import Linux

@Suite struct `a channel` {
    @Test func `carries bytes both ways, in order`() async throws {
        let (one, other) = try socketPair()
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 % 251) }
        async let sent: Void = one.write(bytes)
        var received: [UInt8] = []
        while received.count < bytes.count { received += try await other.read() }
        try await sent
        #expect(received == bytes)
        try await other.write([1, 2, 3])
        #expect(try await one.read(upTo: 2) == [1, 2])
        #expect(try await one.read(upTo: 2) == [3])
    }

    @Test func `tells the end once the other side has closed its half, and goes on in the other direction`()
        async throws
    {
        let (one, other) = try socketPair()
        try await one.write([1])
        try await one.closeWriting()
        #expect(try await other.read() == [1])
        #expect(try await other.read() == [])
        #expect(try await other.read() == [])
        try await other.write([2])
        #expect(try await one.read() == [2])
        await #expect(throws: LinuxError.self) { try await one.write([3]) }
    }

    @Test func `wakes its reader when it is closed, and answers no later call`() async throws {
        let (one, other) = try socketPair()
        async let end = one.read()
        one.close()
        one.close()
        #expect(try await end == [])
        #expect(try await one.read() == [])
        let error = await #expect(throws: LinuxError.self) { try await one.write([1]) }
        #expect(error?.code == .brokenPipe)
        #expect(try await other.read() == [])
    }

    @Test func `wakes its writer when it is closed or when the other side is`() async throws {
        for closesOther in [false, true] {
            let (one, other) = try socketPair()
            let task = Task { try await one.write([UInt8](repeating: 0, count: 50_000_000)) }
            #expect(try await other.read(upTo: 1).count == 1)
            if closesOther { other.close() } else { one.close() }
            await #expect(throws: LinuxError.self) { try await task.value }
        }
    }

    @Test func `knows without reading whether there is something to read`() async throws {
        let (one, other) = try socketPair()
        #expect(!one.hasInput)
        try await other.write([1])
        #expect(one.hasInput)
        #expect(try await one.read() == [1])
        #expect(!one.hasInput)
        other.close()
        #expect(one.hasInput)
        one.close()
        #expect(one.hasInput)
    }

    @Test func `ends a wait at once when its task is cancelled, and can be used again`() async throws {
        let (one, other) = try socketPair()
        #expect(await whatCancellingThrows { try await one.read() } is CancellationError)
        #expect(
            await whatCancellingThrows { try await one.write([UInt8](repeating: 0, count: 50_000_000)) }
                is CancellationError
        )
        try await other.write([7])
        #expect(try await one.read() == [7])
    }

    @Test func `goes through pipes`() async throws {
        let pipe = try Descriptor.pipe()
        let (reader, writer) = (try Channel(pipe.reading), try Channel(pipe.writing))
        try await writer.write([1, 2])
        try await writer.closeWriting()
        #expect(try await reader.read() == [1, 2])
        #expect(try await reader.read() == [])
    }

    @Test func `loses no wake-up in many short turns on any thread`() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                let (one, other) = try socketPair()
                group.addTask(executorPreference: number % 2 == 0 ? EventLoop.shared : nil) {
                    for turn in 0..<2000 {
                        try await one.write([UInt8(truncatingIfNeeded: turn)])
                        #expect(try await one.read() == [UInt8(truncatingIfNeeded: turn + 1)])
                    }
                    one.close()
                }
                group.addTask {
                    while let byte = try await other.read().first { try await other.write([byte &+ 1]) }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `is joined with another until both directions have ended`() async throws {
        let (near, left) = try socketPair()
        let (right, far) = try socketPair()
        async let joined: Void = splice(left, right)
        try await near.write([1])
        try await near.closeWriting()
        #expect(try await far.read() == [1])
        #expect(try await far.read() == [])
        try await far.write([2])
        try await far.closeWriting()
        #expect(try await near.read() == [2])
        #expect(try await near.read() == [])
        await joined
    }
}

@Suite struct `a listener` {
    @Test(arguments: ["s", String(repeating: "long-", count: 30) + "s"])
    func `is reached by a path of any length, and removes it when it closes`(name: String) async throws {
        try await withFolder { folder in
            let deep = "\(folder)/\(String(repeating: "d", count: 90))"
            try Files.makeDirectory(deep)
            let path = name.count > 50 ? "\(deep)/\(name.prefix(80))" : "\(folder)/\(name)"
            let listener = try Listener(.unix(path))
            async let accepted = listener.accept()
            let connection = try await Channel.connect(to: .unix(path))
            try await connection.write([1])
            #expect(try await accepted.read() == [1])
            listener.close()
            #expect(!Files.exists(path))
            // Closing twice must not remove what another has put there.
            let next = try Listener(.unix(path))
            listener.close()
            #expect(Files.exists(path))
            next.close()
        }
    }

    @Test func `gets a port of its own and refuses nobody in a crowd`() async throws {
        let listener = try Listener(.loopback(0))
        guard case .tcp(_, let port) = listener.address else { return }
        #expect(port > 0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for _ in 0..<100 {
                    let connection = try await listener.accept()
                    try await connection.write([9])
                }
            }
            for _ in 0..<100 {
                group.addTask {
                    let connection = try await Channel.connect(to: listener.address)
                    #expect(try await connection.read() == [9])
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `ends a wait at once when it is cancelled or closed`() async throws {
        let listener = try Listener(.loopback(0))
        #expect(await whatCancellingThrows { try await listener.accept() } is CancellationError)
        let task = Task { try await listener.accept() }
        listener.close()
        await #expect(throws: LinuxError.self) { try await task.value }
    }

    @Test func `is named in the error when nobody listens`() async throws {
        // A port that nobody is given by chance, as one that was just closed may be.
        let address = SocketAddress.loopback(1)
        let error = await #expect(throws: LinuxError.self) { try await Channel.connect(to: address) }
        #expect(error?.code == .refused)
        #expect(error?.message == "Could not connect to \(address): Connection refused")
        let missing = await #expect(throws: LinuxError.self) { try await Channel.connect(to: .unix("/nowhere/s")) }
        #expect(missing?.code == .notFound)
    }

    @Test func `lets a connection wait for room in the queue of a unix socket`() async throws {
        try await withFolder { folder in
            let listener = try Listener(.unix("\(folder)/s"), backlog: 0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    group.addTask { _ = try await Channel.connect(to: listener.address).read() }
                }
                for _ in 0..<10 { try await listener.accept().write([1]) }
                try await group.waitForAll()
            }
            listener.close()
        }
    }
}
