import HTTP
import Linux
import Testing

private let readThenOK: HTTPServer.Handler = { exchange in
    _ = try await exchange.body.collect(limit: 1024 * 1024)
    try await exchange.respond(200)
}

private let echo: HTTPServer.Handler = { exchange in
    let writer = try exchange.start(200)
    while true {
        let bytes = try await exchange.body.read()
        if bytes.isEmpty { break }
        try await writer.write(bytes)
    }
    try await writer.finish()
}

private func statuses(in answer: String) -> [Int] {
    answer.split(separator: "HTTP/1.1 ").compactMap { Int($0.prefix(3)) }
}

@Suite struct `the server, strictly` {
    @Test(arguments: CorpusRequest.all)
    func `answers a request the same in whatever pieces it comes`(request: CorpusRequest) async throws {
        try await withServer(readThenOK) { address in
            for size in request.bytes.count < 1000 ? [1, request.bytes.count] : [request.bytes.count] {
                let connection = try await Channel.connect(to: address)
                var rest = request.bytes[...]
                while !rest.isEmpty {
                    // The server may have refused, and closed, before it has seen everything.
                    do { try await connection.write(Array(rest.prefix(size))) } catch is LinuxError { break }
                    rest = rest.dropFirst(size)
                }
                try await connection.closeWriting()
                #expect(statuses(in: try await connection.textToEnd()) == request.statuses, "in pieces of \(size)")
            }
        }
    }

    @Test func `lets nothing be a request that stands behind a broken body`() async throws {
        let served = Counter()
        try await withServer({ exchange in
            served.add(1)
            // A handler that answers whatever the body was.
            _ = try? await exchange.body.collect(limit: 1000)
            try await exchange.respond(200)
        }) { address in
            let connection = try await Channel.connect(to: address)
            try await connection.write(
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nAX0\r\n\r\n"
                    + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
            )
            try await connection.closeWriting()
            #expect(statuses(in: try await connection.textToEnd()) == [200])
        }
        #expect(served.value == 1)
    }

    @Test func `refuses a body that says it is too large before it comes`() async throws {
        try await withServer({ exchange in
            try await exchange.respond(200, body: try await exchange.body.collect(limit: 100))
        }) { address in
            let connection = try await Channel.connect(to: address)
            try await connection.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n")
            let answer = try await connection.read(through: "}")
            #expect(statuses(in: answer) == [413])
            #expect(answer.contains("Connection: close"))
        }
    }

    @Test func `cuts a head that comes too slowly, and a connection that stays idle`() async throws {
        var limits = HTTPLimits()
        limits.headTime = .milliseconds(30)
        limits.idleTime = .milliseconds(30)
        try await withServer(limits: limits, readThenOK) { address in
            for start in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n"] {
                let connection = try await Channel.connect(to: address)
                if !start.isEmpty { try await connection.write(start) }
                #expect(try await connection.textToEnd() == "")
            }
        }
    }
}

@Suite struct `the server` {
    @Test func `answers requests that come behind each other, in order`() async throws {
        try await withServer(echo) { address in
            let connection = try await Channel.connect(to: address)
            let requests = (0..<20).map { number in
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n\(100 + number)"
            }
            try await connection.write(requests.joined())
            try await connection.closeWriting()
            let answer = try await connection.textToEnd()
            #expect(statuses(in: answer) == Array(repeating: 200, count: 20))
            let bodies = answer.split(separator: "\r\n3\r\n").dropFirst().map { $0.prefix(3) }
            #expect(bodies == (0..<20).map { "\(100 + $0)" })
        }
    }

    @Test func `asks for a body that waits to be asked for`() async throws {
        try await withServer(echo) { address in
            let connection = try await Channel.connect(to: address)
            try await connection.write("POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
            #expect(try await connection.textToEnd().hasPrefix("HTTP/1.1 200"))
        }
        try await withServer(readThenOK) { address in
            let connection = try await Channel.connect(to: address)
            try await connection.write(
                "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
            )
            #expect(try await connection.read(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try await connection.write("hi")
            #expect(try await connection.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `does not ask for a body that nobody wants, and closes`() async throws {
        try await withServer({ try await $0.respond(403) }) { address in
            let connection = try await Channel.connect(to: address)
            try await connection.write(
                "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
            )
            let head = try await connection.read(through: "\r\n\r\n")
            #expect(head.hasPrefix("HTTP/1.1 403") && head.contains("Connection: close"))
            #expect(try await connection.read().isEmpty)
        }
    }

    @Test func `hands out an upgraded connection with what came behind the request, half-closed either way`()
        async throws
    {
        try await withServer({ exchange in
            let stream = try await exchange.upgrade(to: "test")
            let early = try await stream.readToEnd()
            try await stream.write(early + Array(" and bye".utf8))
            try await stream.closeWriting()
        }) { address in
            let connection = try await Channel.connect(to: address)
            try await connection.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nearly")
            #expect(try await connection.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 101 "))
            try await connection.write(" late")
            try await connection.closeWriting()
            #expect(try await connection.textToEnd() == "early late and bye")
        }
        try await withServer({ exchange in
            let stream = try await exchange.upgrade(to: "test")
            try await stream.closeWriting()
            _ = try await stream.readToEnd()
        }) { address in
            let stream = try await HTTPClient(address).upgrade(request("POST"), to: "test")
            #expect(try await stream.read().isEmpty)
            try await stream.write("still heard")
            stream.close()
        }
    }

    @Test func `tells the handler that a client went away inside its body`() async throws {
        let told = Latch<String>()
        try await withServer({ exchange in
            do { _ = try await exchange.body.collect(limit: 1000) } catch { told.set("\(error)") }
        }) { address in
            let connection = try await Channel.connect(to: address)
            try await connection.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
            connection.close()
            #expect(try await told.value() == "The connection ended inside a body")
        }
    }

    @Test func `tells the handler that a client went away while it waits`() async throws {
        let told = Latch<Void>()
        try await withServer({ exchange in
            try await exchange.clientGone()
            told.set(())
        }) { address in
            let connection = try await Channel.connect(to: address)
            try await connection.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.close()
            try await told.value()
        }
    }

    @Test func `stops writing while its reader does not read`() async throws {
        let written = Counter()
        let piece = [UInt8](repeating: 7, count: 256 * 1024)
        let total = 256
        let isDone = Latch<Void>()
        try await withServer({ exchange in
            let writer = try exchange.start(200, length: total * piece.count)
            for _ in 0..<total {
                try await writer.write(piece)
                written.add(1)
            }
            isDone.set(())
        }) { address in
            try await HTTPClient(address).withResponse(to: request("GET")) { response in
                await #expect(throws: DeadlineExceeded.self) {
                    try await withDeadline(.milliseconds(300)) { try await isDone.value() }
                }
                // What the kernel's buffers took, and no more.
                #expect(written.value < total / 4)
                var read = 0
                while true {
                    let bytes = try await response.body.read()
                    if bytes.isEmpty { break }
                    read += bytes.count
                }
                #expect(read == total * piece.count)
            }
        }
    }

    @Test func `answers with what its handler throws`() async throws {
        try await withServer({ exchange in
            switch exchange.request.path {
            case "/http": throw HTTPError(404, "There is no \"a\\b\"\n")
            case "/other": throw Mishap()
            default: break
            }
        }) { address in
            let client = HTTPClient(address)
            let known = try await client.send(request("GET", "/http"))
            #expect(known.head.status == 404)
            #expect(known.head.headers["Content-Type"] == "application/json")
            #expect(String(decoding: known.body, as: UTF8.self) == #"{"code":404,"message":"There is no \"a\\b\" "}"#)
            #expect(try await client.send(request("GET", "/other")).head.status == 500)
            #expect(try await client.send(request("GET", "/silent")).head.status == 500)
        }
    }

    @Test func `keeps the connection when a small body was not read, and closes it when a large one was not`()
        async throws
    {
        let connections = Counter()
        try await withServer({ try await $0.respond(200) }) { address in
            let client = HTTPClient(address, counting: connections)
            for _ in 0..<3 {
                _ = try await client.send(request("POST"), body: .bytes(pattern(10_000)))
            }
            #expect(connections.value == 1)
            // The answer arrives although most of the body is never read.
            let answer = try await client.send(
                request("POST"),
                body: .bytes([UInt8](repeating: 5, count: 8 * 1024 * 1024))
            )
            #expect(answer.head.status == 200)
            _ = try await client.send(request("POST"))
            #expect(connections.value == 2)
        }
    }

    @Test func `does not wait for ever for a body that nobody wants`() async throws {
        var limits = HTTPLimits()
        limits.drainTime = .milliseconds(30)
        try await withServer(limits: limits, { try await $0.respond(200) }) { address in
            let connection = try await Channel.connect(to: address)
            try await connection.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
            #expect(statuses(in: try await connection.textToEnd()) == [200])
        }
    }

    @Test func `sends no body where there is none`() async throws {
        try await withServer({ exchange in
            let status = Int(exchange.request.path.dropFirst()) ?? 200
            try await exchange.respond(status, body: Array("body".utf8))
        }) { address in
            let connection = try await Channel.connect(to: address)
            for (method, path) in [("HEAD", "/200"), ("GET", "/204"), ("GET", "/304")] {
                try await connection.write("\(method) \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
            }
            try await connection.closeWriting()
            let answer = try await connection.textToEnd()
            #expect(statuses(in: answer) == [200, 204, 304])
            #expect(!answer.contains("body"))
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"))
        }
    }

    @Test func `breaks the connection rather than send a body of another length than announced`() async throws {
        try await withServer({ exchange in
            let writer = try exchange.start(200, length: 4)
            try await writer.write(Array((exchange.request.path == "/short" ? "abc" : "abcd").utf8))
            if exchange.request.path == "/long" { try await writer.write([1]) }
        }) { address in
            let short = try await Channel.connect(to: address)
            try await short.write("GET /short HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(statuses(in: try await short.textToEnd()) == [200])
            let long = try await Channel.connect(to: address)
            try await long.write("GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await long.textToEnd().hasSuffix("\r\n\r\nabcd"))
        }
    }

    @Test func `lets no header of a handler decide where the body ends`() async throws {
        try await withServer({ exchange in
            let headers: Headers = ["Content-Length": "1", "transfer-encoding": "gzip", "A": "b\r\nEvil: 1"]
            let writer = try exchange.start(200, headers)
            try await writer.write(Array("hello".utf8))
        }) { address in
            let answer = try await HTTPClient(address).send(request("GET"))
            #expect(answer.body == Array("hello".utf8))
            #expect(answer.head.headers.values("Transfer-Encoding") == ["chunked"])
            #expect(answer.head.headers["Content-Length"] == nil && answer.head.headers["Evil"] == nil)
        }
    }

    @Test func `ends its connections when its task is cancelled`() async throws {
        let begun = Latch<Void>()
        let ended = Latch<Void>()
        let connection = try await withServer({ exchange in
            begun.set(())
            do { _ = try await Latch<Void>().value() } catch { ended.set(()) }
        }) { address in
            let connection = try await Channel.connect(to: address)
            try await connection.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            try await begun.value()
            return connection
        }
        try await ended.value()
        #expect(try await connection.readToEnd().isEmpty)
    }
}
