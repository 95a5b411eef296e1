import Glibc
import HTTP
import Linux
import Testing

private let answerOK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

@Suite struct `the client` {
    @Test func `uses a connection again`() async throws {
        let connections = Counter()
        try await withServer({ exchange in
            let body = try await exchange.body.collect(limit: 1 << 20)
            if exchange.request.path == "/chunks" {
                let writer = try exchange.start(200)
                try await writer.write(body)
            } else {
                try await exchange.respond(200, body: body)
            }
        }) { address in
            let client = HTTPClient(address, counting: connections)
            for path in ["/", "/chunks", "/", "/chunks"] {
                for count in [0, 5, 100_000] {
                    let answer = try await client.send(request("POST", path), body: .bytes(pattern(count)))
                    #expect(answer.body == pattern(count))
                }
            }
            #expect(connections.value == 1)
        }
    }

    @Test func `sends a body while the answer already comes`() async throws {
        try await withServer({ exchange in
            let writer = try exchange.start(200)
            while true {
                let bytes = try await exchange.body.read()
                if bytes.isEmpty { break }
                try await writer.write(bytes)
            }
        }) { address in
            let turns = AsyncStream<Int>.makeStream()
            turns.continuation.yield(0)
            let body = HTTPClient.Body.stream(length: nil) { writer in
                // Each piece is sent only after the last one has come back.
                for await turn in turns.stream {
                    if turn == 10 { return }
                    try await writer.write([UInt8(turn)])
                }
            }
            let echoed = try await HTTPClient(address).withResponse(to: request("POST"), body: body) { response in
                var all: [UInt8] = []
                while true {
                    let bytes = try await response.body.read()
                    if bytes.isEmpty { return all }
                    all += bytes
                    turns.continuation.yield(all.count)
                }
            }
            #expect(echoed == Array(0..<10))
        }
    }

    @Test(arguments: [nil, 3 * 1024 * 1024 + 1])
    func `streams both ways, in chunks and by length`(length: Int?) async throws {
        try await withServer({ exchange in
            let writer = try exchange.start(200, length: exchange.body.remaining)
            while true {
                let bytes = try await exchange.body.read(upTo: 10_000)
                if bytes.isEmpty { break }
                try await writer.write(bytes)
            }
        }) { address in
            let bytes = pattern(3 * 1024 * 1024 + 1)
            let body = HTTPClient.Body.stream(length: length) { writer in
                var rest = bytes[...]
                while !rest.isEmpty {
                    try await writer.write(Array(rest.prefix(77_777)))
                    rest = rest.dropFirst(77_777)
                }
            }
            let answer = try await HTTPClient(address).send(request("POST"), body: body)
            #expect(answer.body == bytes)
            #expect(answer.head.headers["Content-Length"] == length.map { "\($0)" })
        }
    }

    @Test func `does not use a kept connection that the server has closed`() async throws {
        try await withRawServer({ connection, number in
            _ = try await connection.read(through: "\r\n\r\n")
            try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(number)")
        }) { address in
            let client = HTTPClient(address)
            for number in 0..<5 {
                let answer = try await client.send(request("POST"))
                #expect(answer.body == Array("\(number)".utf8))
            }
        }
    }

    @Test func `does not take what came unasked for an answer`() async throws {
        let poisoned = Latch<Void>()
        try await withRawServer({ connection, number in
            _ = try await connection.read(through: "\r\n\r\n")
            try await connection.write(answerOK)
            if number == 0 {
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
                poisoned.set(())
            }
            _ = try await connection.readToEnd()
        }) { address in
            let client = HTTPClient(address)
            #expect(try await client.send(request("GET")).body == Array("ok".utf8))
            try await poisoned.value()
            #expect(try await client.send(request("GET")).body == Array("ok".utf8))
        }
    }

    @Test func `asks again only for what may be done twice`() async throws {
        let asked = Counter()
        try await withRawServer({ connection, number in
            _ = try await connection.read(through: "\r\n\r\n")
            asked.add(1)
            try await connection.write(answerOK)
            // The second request on a connection is read, and never answered.
            _ = try await connection.read(through: "\r\n\r\n")
            asked.add(1)
        }) { address in
            let client = HTTPClient(address)
            _ = try await client.send(request("GET"))
            await #expect(throws: HTTPError.self) { try await client.send(request("POST")) }
            #expect(asked.value == 2)
            _ = try await client.send(request("GET"))
            #expect(try await client.send(request("GET")).body == Array("ok".utf8))
        }
    }

    @Test(arguments: ["close", "keep-alive"])
    func `takes an answer that comes before the body is sent`(connection option: String) async throws {
        try await withRawServer({ connection, _ in
            _ = try await connection.read(through: "\r\n\r\n")
            try await connection.write("HTTP/1.1 413 No\r\nConnection: \(option)\r\nContent-Length: 2\r\n\r\nno")
            if option == "keep-alive" { try await Latch<Void>().value() }
        }) { address in
            let client = HTTPClient(address)
            let bytes = [UInt8](repeating: 5, count: 16 * 1024 * 1024)
            let whole = try await client.send(request("POST"), body: .bytes(bytes))
            #expect(whole.head.status == 413 && whole.body == Array("no".utf8))
            let body = HTTPClient.Body.stream(length: nil) { writer in
                while true { try await writer.write(Array(bytes.prefix(100_000))) }
            }
            #expect(try await client.send(request("POST"), body: body).head.status == 413)
        }
    }

    @Test func `gives up when the bytes to send can not be had`() async throws {
        try await withRawServer({ connection, _ in _ = try await connection.readToEnd() }) { address in
            let body = HTTPClient.Body.stream(length: 100) { writer in
                try await writer.write([1, 2, 3])
                throw Mishap()
            }
            await #expect(throws: Mishap.self) { try await HTTPClient(address).send(request("POST"), body: body) }
            let short = HTTPClient.Body.stream(length: 100) { writer in try await writer.write([1, 2, 3]) }
            await #expect(throws: HTTPError.self) { try await HTTPClient(address).send(request("POST"), body: short) }
        }
    }

    @Test func `passes over interim answers`() async throws {
        try await withRawServer({ connection, _ in
            _ = try await connection.read(through: "\r\n\r\n")
            try await connection.write(
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\(answerOK)"
            )
        }) { address in
            let answer = try await HTTPClient(address).send(request("GET"))
            #expect(answer.body == Array("ok".utf8))
        }
    }

    @Test func `reads a body that ends with its connection`() async throws {
        let connections = Counter()
        try await withRawServer({ connection, _ in
            _ = try await connection.read(through: "\r\n\r\n")
            try await connection.write("HTTP/1.1 200 OK\r\n\r\n")
            try await connection.write(pattern(200_000))
        }) { address in
            let client = HTTPClient(address, counting: connections)
            for _ in 0..<2 {
                let answer = try await client.send(request("POST"))
                #expect(answer.body == pattern(200_000))
            }
            #expect(connections.value == 2)
        }
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\nContent-Len", "hello\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 101 Up\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    ])
    func `blames the server for an answer that is none`(answer: String) async throws {
        try await withRawServer({ connection, _ in
            _ = try await connection.read(through: "\r\n\r\n")
            if !answer.isEmpty { try await connection.write(answer) }
        }) { address in
            let error = await #expect(throws: HTTPError.self) {
                try await HTTPClient(address).send(request("GET"))
            }
            #expect(error?.status == 502)
        }
    }

    @Test func `ends at once when its task is cancelled, wherever it waits`() async throws {
        for answer in ["", "HTTP/1.1 200 OK\r\n\r\nbegun", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun"] {
            let begun = Latch<Void>()
            let gone = Latch<Void>()
            try await withRawServer({ connection, _ in
                _ = try await connection.read(through: "\r\n\r\n")
                if !answer.isEmpty { try await connection.write(answer) }
                begun.set(())
                _ = try? await connection.readToEnd()
                gone.set(())
            }) { address in
                let task = Task { try await HTTPClient(address).send(request("GET")) }
                try await begun.value()
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
                // The server learns of it, too.
                try await gone.value()
            }
        }
    }

    @Test func `says how the server refused to switch`() async throws {
        try await withServer({ _ in throw HTTPError(404, "nothing here") }) { address in
            let error = await #expect(throws: HTTPError.self) {
                try await HTTPClient(address).upgrade(request("GET"), to: "test")
            }
            #expect(error?.status == 404)
        }
    }

    @Test func `leaves no descriptor open after exchanges of every kind`() async {
        // In a process of its own, where nothing else opens any.
        await #expect(processExitsWith: .success) {
            let before = Files.list("/proc/self/fd").count
            try await withServer({ exchange in
                if exchange.request.path == "/break" { throw Mishap() }
                if exchange.request.path == "/up" {
                    let stream = try await exchange.upgrade(to: "test")
                    try await stream.write("hello")
                    return
                }
                try await exchange.respond(200, body: try await exchange.body.collect(limit: 10))
            }) { address in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<40 {
                        group.addTask {
                            let client = HTTPClient(address)
                            switch number % 4 {
                            case 0: _ = try await client.send(request("GET", "/break"))
                            case 1: _ = try await client.upgrade(request("GET", "/up"), to: "test").readToEnd()
                            case 2: _ = try await client.send(request("POST"), body: .bytes(pattern(1_000_000)))
                            default: _ = try await client.send(request("GET"))
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            // The loop and the runtime keep a few of their own; a leak would be forty.
            let closed: Bool? = try await retrying(every: .milliseconds(5), for: .seconds(20)) {
                Files.list("/proc/self/fd").count < before + 10 ? true : nil
            }
            exit(closed == true ? 0 : 1)
        }
    }
}
