import HTTP
import Linux
import Testing
import WebSockets
import Wire

extension FreestyleAPI {
    /// Opens a WebSocket, hands it to `body`, and closes it.
    func socket<Result: Sendable>(
        _ target: String,
        _ body: @Sendable @escaping (WebSocket) async throws -> Result
    ) async throws -> Result {
        let port = plane.port
        let http = HTTPClient(idleLimit: 0) { try await Channel.connect(to: .loopback(port)) }
        var head = RequestHead(method: "GET", target: target, headers: ["Host": "127.0.0.1:\(port)"])
        if let key { head.headers["Authorization"] = "Bearer \(key)" }
        let request = head
        return try await withDeadline(.seconds(120)) {
            let socket = try await WebSocket.connect(http, request)
            do {
                let result = try await body(socket)
                await socket.close()
                return result
            } catch {
                await socket.close()
                throw error
            }
        }
    }
}

extension WebSocket {
    /// The next message that is a document of that type.
    fileprivate func document(_ type: String) async throws -> JSONValue {
        while let message = try await receive() {
            guard case .text(let text) = message else { continue }
            let document = try JSONValue(parsing: text)
            if document["type"]?.string == type { return document }
        }
        throw Unexpected("The terminal ended before '\(type)'")
    }

    /// Reads until the terminal has shown `words`, and gives all it showed.
    @discardableResult
    fileprivate func shown(_ words: String) async throws -> String {
        var all: [UInt8] = []
        while let message = try await receive() {
            guard case .binary(let bytes) = message else { continue }
            all += bytes
            let text = String(decoding: all, as: UTF8.self)
            if text.contains(words) { return text }
        }
        throw Unexpected("The terminal ended before '\(words)': \(String(decoding: all, as: UTF8.self))")
    }

    fileprivate func type(_ keys: String) async throws { try await send(.binary(Array(keys.utf8))) }
}

extension Martlet {
    @Suite struct `a terminal of Freestyle's API` {
        @Test func `outlives its sockets, and shows to whoever comes what it showed`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM { vm in
                let pty = "/v5/vms/\(vm)/pty"
                let id = try await api.socket("\(pty)?cols=90&rows=25&slug=mine") { socket in
                    let info = try await socket.document("sessionInfo")
                    #expect(info["slug"] == "mine" && info["created"] == true)
                    // Put together by the shell: what is typed is shown, too.
                    try await socket.type("stty size; id -un; echo fir''st\r")
                    #expect(try await socket.shown("first").contains("25 90"))
                    try await socket.send(.text(#"{"type":"resize","cols":100,"rows":30}"#))
                    try await socket.type("stty size; echo sec''ond\r")
                    #expect(try await socket.shown("second").contains("30 100"))
                    return try #require(info["sessionId"]?.integer)
                }
                let listed = try await api.ask("GET", "\(pty)/sessions").json["sessions"]?[0]
                #expect(listed?["sessionId"] == .integer(id) && listed?["slug"] == "mine")
                #expect(listed?["state"] == "running" && listed?["linuxUser"] == "user")
                #expect(listed?["cols"] == 100 && listed?["rows"] == 30 && listed?["exitCode"] == nil)

                // By its slug, whatever it would have run; by its number; by two at once.
                try await api.socket("\(pty)?slug=mine&exec=false&cols=100&rows=30") { socket in
                    #expect(try await socket.document("sessionInfo")["created"] == false)
                    #expect(try await socket.shown("second").contains("first"))
                    try await api.socket("\(pty)/sessions/\(id)?linuxUser=user") { other in
                        try await other.shown("second")
                        try await other.type("echo thi''rd\r")
                        try await socket.shown("third")
                        try await other.shown("third")
                    }
                    // Said by the program in the foreground: before there is one, an interrupt would interrupt nothing.
                    try await socket.type("sh -c 'echo beg\"\"un; exec tail -f /dev/null'\r")
                    try await socket.shown("begun")
                    try await socket.send(.text(#"{"type":"signal","signal":"sigint"}"#))
                    try await socket.type("exit 7\r")
                    #expect(try await socket.document("exited")["exitCode"] == 7)
                }
                #expect(try await api.ask("GET", "\(pty)/sessions").json["sessions"]?[0]?["state"] == "exited")
                #expect(try await api.ask("GET", "/v1/vms/\(vm)/terminals").json["terminals"]?[0]?["running"] == false)
            }
        }

        @Test func `runs what it is asked for, as whom, and is closed`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM { vm in
                let pty = "/v5/vms/\(vm)/pty"
                try await api.socket("\(pty)?linuxUser=root&exec=id%20-un%3B%20exit%203") { socket in
                    try await socket.shown("root")
                    #expect(try await socket.document("exited")["exitCode"] == 3)
                }
                try await api.socket("\(pty)?slug=long&exec=exec%20tail%20-f%20%2Fdev%2Fnull") { socket in
                    _ = try await socket.document("sessionInfo")
                    let closed = try await api.ask("DELETE", "\(pty)/sessions/long")
                    #expect(closed.status == 200 && closed.json["exitCode"] == 129, "\(closed.text)")
                    #expect(try await socket.document("exited")["exitCode"] == 129)
                }
                let kept = "\(pty)?slug=kept&replaceOnExit=true&exec=echo%20begun%3B%20read%20word%3B%20exit%202"
                try await api.socket(kept) { socket in
                    let id = try #require(try await socket.document("sessionInfo")["sessionId"]?.integer)
                    for _ in 0..<2 {
                        try await socket.shown("begun")
                        try await socket.type("pear\r")
                    }
                    try await socket.shown("begun")
                    let session = try await api.ask("GET", "\(pty)/sessions").json["sessions"]?.array?.last
                    #expect(session?["sessionId"] == .integer(id) && session?["state"] == "running")
                    #expect(try await api.ask("DELETE", "\(pty)/sessions/\(id)").status == 200)
                    _ = try await socket.document("exited")
                }
                for (method, target, status) in [
                    ("DELETE", "\(pty)/sessions/none", 404), ("GET", "\(pty)?slug=7", 400),
                    ("GET", "\(pty)?slug=A", 400), ("GET", "\(pty)?cols=0", 400),
                    ("GET", "/v5/vms/none/pty", 404),
                ] {
                    let refused = try await api.ask(method, target)
                    #expect(refused.status == status, "\(target): \(refused.text)")
                }
                let stranger = try await shared().freestyle()
                #expect(try await stranger.ask("GET", "\(pty)/sessions").status == 404)
            }
        }
    }
}
