import HTTP
import Linux
import Testing

@Suite struct `a client that means no good` {
    private static let counting: @Sendable (Counter) -> HTTPServer.Handler = { served in
        { exchange in
            _ = try await exchange.body.collect(limit: 1024 * 1024)
            served.add(1)
            try await exchange.respond(200, body: Array(exchange.request.path.utf8))
        }
    }

    /// Expects that the server answers others as before.
    private func expectService(_ address: SocketAddress) async throws {
        let answer = try await HTTPClient(address).send(request("GET", "/other"))
        #expect(answer.head.status == 200)
    }

    @Test(arguments: [
        "POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "POST /half HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
    ])
    func `has nothing done by leaving after any byte of a request`(_ text: String) async throws {
        let served = Counter()
        let whole = Array(text.utf8)
        try await withServer(Self.counting(served)) { address in
            for count in 0..<whole.count {
                let closing = try await Channel.connect(to: address)
                try await closing.write(Array(whole.prefix(count)))
                closing.close()
                // One that only ends its direction is told what was missing.
                let halfClosing = try await Channel.connect(to: address)
                try await halfClosing.write(Array(whole.prefix(count)))
                try await halfClosing.closeWriting()
                let answer = try await halfClosing.textToEnd()
                #expect(
                    count == 0 ? answer.isEmpty : answer.hasPrefix("HTTP/1.1 400"),
                    "after \(count) bytes: \(answer)"
                )
            }
            #expect(served.value == 0)
            try await expectService(address)
        }
    }

    @Test func `is cut when its head drips, however busily`() async throws {
        var limits = HTTPLimits()
        limits.headTime = .milliseconds(50)
        limits.head = .max
        limits.fields = .max
        try await withServer(limits: limits, Self.counting(Counter())) { address in
            let client = try await Channel.connect(to: address)
            try await client.write("GET / HTTP/1.1\r\nHost: x\r\n")
            var isCut = false
            while !isCut {
                do {
                    try await client.write("X: y\r\n")
                } catch is LinuxError {
                    isCut = true
                }
            }
        }
    }

    @Test(arguments: [
        "Content-Length: 10\r\n\r\n", "Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5", "Transfer-Encoding: chunked\r\n\r\n5\r\nha",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello", "Transfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
    ])
    func `is not waited for when the body it promised stops coming`(_ rest: String) async throws {
        var limits = HTTPLimits()
        limits.bodyTime = .milliseconds(30)
        let served = Counter()
        try await withServer(limits: limits, Self.counting(served)) { address in
            let client = try await Channel.connect(to: address)
            try await client.write("POST / HTTP/1.1\r\nHost: x\r\n\(rest)")
            var answer = try await client.textToEnd()
            if answer.hasPrefix("HTTP/1.1 100") { answer = String(decoding: answer.utf8.dropFirst(25), as: UTF8.self) }
            #expect(answer.hasPrefix("HTTP/1.1 408") && answer.contains("Connection: close"), "\(answer)")
            #expect(served.value == 0)
            try await expectService(address)
        }
    }

    @Test func `may rest within a body that is passed on as it comes`() async throws {
        var limits = HTTPLimits()
        limits.bodyTime = .milliseconds(1)
        try await withServer(
            limits: limits,
            { exchange in
                let writer = try exchange.start(200)
                try await exchange.body.copy(to: writer)
            }
        ) { address in
            let client = try await Channel.connect(to: address)
            try await client.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
            #expect(try await client.read(through: "hi\r\n").hasPrefix("HTTP/1.1 200"))
            // Many times the limit.
            await #expect(throws: DeadlineExceeded.self) {
                try await withDeadline(.milliseconds(50)) { try await client.read() }
            }
            try await client.write("2\r\nho\r\n0\r\n\r\n")
            #expect(try await client.read(through: "0\r\n\r\n") == "2\r\nho\r\n0\r\n\r\n")
        }
    }

    @Test func `gets no more done than it reads of`() async throws {
        let served = Counter()
        let body = pattern(256 * 1024)
        try await withServer({ exchange in
            served.add(1)
            try await exchange.respond(200, body: body)
        }) { address in
            let client = try await Channel.connect(to: address)
            let requests = Array(String(repeating: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", count: 1000).utf8)
            await #expect(throws: DeadlineExceeded.self) {
                try await withDeadline(.milliseconds(300)) {
                    while true { try await client.write(requests) }
                }
            }
            // What the kernel's buffers took, and no more.
            #expect(served.value < 200)
            try await expectService(address)
            client.close()
        }
    }

    @Test func `ends what is written to it by leaving`() async throws {
        let ended = Counter()
        try await withServer({ exchange in
            if exchange.request.path == "/other" { return try await exchange.respond(200) }
            do {
                let writer = try exchange.start(200)
                while true { try await writer.write(pattern(65_536)) }
            } catch {
                ended.add(1)
                throw error
            }
        }) { address in
            for stage in 0..<3 {
                let client = try await Channel.connect(to: address)
                try await client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                // Before the answer, within its head, within its body.
                if stage == 1 { _ = try await client.read(upTo: 5) }
                if stage == 2 { _ = try await client.read(through: "\r\n\r\n") }
                client.close()
            }
            try await retrying(every: .milliseconds(2), for: .seconds(60)) { ended.value == 3 ? () : nil }
            try await expectService(address)
        }
    }

    @Test func `has its next request read as one only where the last one ended`() async throws {
        let served = Counter()
        try await withServer({ exchange in
            served.add(1)
            // Answered without a look at the body.
            try await exchange.respond(200)
        }) { address in
            for framing in [
                "Content-Length: 40\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n28\r\n",
                "Content-Length: 0\r\nContent-Length: 40\r\n\r\n",
                "Content-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", "Content-Length: 4_0\r\n\r\n",
                "Transfer-Encoding: \u{b}chunked\r\n\r\n28\r\n", "Transfer-Encoding: chunked, chunked\r\n\r\n28\r\n",
                "Content-Length: 40,\r\n\r\n", "Content-Length: 4 0\r\n\r\n", "Content-Length : 40\r\n\r\n",
                "X: y\r\n Content-Length: 40\r\n\r\n", "Connection: close\r\nContent-Length: 40\r\n\r\n",
            ] {
                let before = served.value
                let client = try await Channel.connect(to: address)
                try await client.write(
                    "POST /first HTTP/1.1\r\nHost: x\r\n\(framing)GET /second HTTP/1.1\r\nHost: x\r\nX: 1\r\n\r\n"
                )
                try await client.closeWriting()
                let answer = try await client.textToEnd()
                #expect(answer.split(separator: "HTTP/1.1 ").count == 1, "\(framing): \(answer)")
                #expect(served.value - before <= 1)
            }
        }
    }
}
