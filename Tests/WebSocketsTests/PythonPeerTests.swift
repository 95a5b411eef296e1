import FoundationEssentials
import Linux
import Testing
import Wire

@testable import WebSockets

private let python = Program.variable("MARTLET_TEST_PYTHON")
private let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../python/websocket.py").path

@Suite(.enabled(if: python != nil, "set MARTLET_TEST_PYTHON to what Tests/python/make-environment prints"))
struct `a WebSocket with the Python world` {
    @Test func `serves its client`() async throws {
        var limits = WebSocketLimits()
        limits.message = 2_000_000
        let seen = try await withSocketServer(
            protocols: ["echo"],
            limits: limits,
            { socket in
                while let message = try await socket.receive() {
                    if message == .text("close") { return await socket.close(CloseCode(rawValue: 3001), "enough") }
                    if message == .text("ping me") { try await socket.ping([1, 2]) }
                    try await socket.send(message)
                }
                #expect(socket.peersClosing?.code?.rawValue == 4000 && socket.peersClosing?.reason == "mine")
            }
        ) { address in
            let program = try Program(python ?? "python3", [script, "client", "ws://\(address)/"])
            let output = try await withDeadline(.seconds(60)) { try await program.run() }
            try #require(output.status.isSuccess, "\(output.errorText)")
            return try JSONValue(parsing: output.output)
        }
        #expect(seen["subprotocol"] == "echo")
        #expect(seen["text"] == "hällo")
        #expect(seen["binary"] == .array((0..<256).map { .integer($0) }))
        #expect(seen["fragments"] == "alphabet")
        #expect(seen["pieces"] == [true, 1_000_000, true])
        #expect(seen["pong"] == true)
        #expect(seen["after ping"] == "ping me")
        #expect(seen["closed"] == ["code": 3001, "reason": "enough"])
        #expect(seen["too big"]?["code"] == 1009, "\(seen)")
    }

    @Test func `talks to its server`() async throws {
        let stdin = try Descriptor.pipe()
        let stdout = try Descriptor.pipe()
        let path = python ?? "python3"
        let child = try ChildProcess.start(
            Spawn(
                path: path,
                arguments: [path, script, "server"],
                environment: Program.plainEnvironment(),
                input: stdin.reading,
                output: stdout.writing,
                error: try Descriptor.null()
            )
        )
        for used in [stdin.reading, stdout.writing] { used.close() }
        defer { child.send(9) }
        let lines = Lines(try Channel(stdout.reading))
        let port = try #require(UInt16(try await lines.next()))
        let address = SocketAddress.loopback(port)

        let socket = try await connect(address, protocols: ["echo"])
        #expect(socket.subprotocol == "echo")
        for message in [Message.text("hällo"), .binary(pattern(300_000)), .text("")] {
            try await socket.send(message)
            #expect(try await socket.receive() == message)
        }
        try await socket.send(.text("fragments"))
        #expect(try await socket.receive() == .text("one two three"))
        try await socket.send(.text("ping"))
        #expect(try await socket.receive() == .text("ponged True"))
        await socket.close(CloseCode(rawValue: 4002), "bye")
        #expect(try JSONValue(parsing: try await lines.next()) == ["code": 4002, "reason": "bye"])

        let other = try await connect(address, protocols: ["echo"])
        try await other.send(.text("close"))
        #expect(try await other.receive() == nil)
        #expect(other.peersClosing == Closing(CloseCode(rawValue: 3001), "enough"))
        await other.close()
        stdin.writing.close()
        _ = try await withDeadline(.seconds(60)) { try await child.exit.value() }
    }
}

private actor Lines {
    private let channel: Channel
    private var splitter = LineSplitter()
    private var lines: [[UInt8]] = []

    init(_ channel: Channel) { self.channel = channel }

    func next() async throws -> String {
        while lines.isEmpty {
            let bytes = try await withDeadline(.seconds(60)) { [channel] in try await channel.read() }
            if bytes.isEmpty { return "" }
            lines += splitter.add(bytes)
        }
        return String(decoding: lines.removeFirst(), as: UTF8.self)
    }
}
