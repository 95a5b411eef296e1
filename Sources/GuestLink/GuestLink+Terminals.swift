import FoundationEssentials
import HTTP
import Linux
import RPC
import Wire

/// Terminals of the guest, as `Wire/Process/TerminalMessages.swift` says what passes on their sockets.
extension GuestLink {
    /// The sessions that run, or did until a while ago; of one user, or of all.
    package func terminals(of user: String? = nil) async throws -> [TerminalInfo] {
        try await calls.terminals(of: user)
    }

    /// One session, by its number or its slug.
    package func terminal(_ session: String, of user: String? = nil) async throws -> TerminalInfo {
        try await calls.terminal(session, of: user)
    }

    /// Ends a session: it is hung up, and killed if it takes no notice. Ended ones stay as they are.
    package func endTerminal(_ session: String, of user: String? = nil) async throws -> TerminalInfo {
        try await calls.endTerminal(session, of: user)
    }

    /// Hands a client's request for a WebSocket on to a terminal of the guest, and carries what passes until it is over.
    ///
    /// The two agree on the protocol between themselves: what the guest sends is for the client to judge.
    ///
    /// - Throws: ``CallError`` with the guest's reason when it opens none; nothing was answered then.
    package func carryTerminal(_ exchange: Exchange, _ opening: TerminalOpening) async throws {
        var head = RequestHead(method: "GET", target: try opening.target, headers: calls.headers)
        let asked = exchange.request.headers
        for name in ["Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol"] {
            for value in asked.values(name) { head.headers.add(name, value) }
        }
        head.headers["Connection"] = "Upgrade"
        head.headers["Upgrade"] = "websocket"
        do {
            try await http.withUpgrade(head) { answer in
                switch answer {
                case .declined(let response):
                    let body = try await response.body.collect(limit: 65_536)
                    try Self.check((response.head, body), "open a terminal")
                    throw CallError(.internalError, "The guest did not open a terminal")
                case .switched(let response, let guest):
                    var headers: Headers = [:]
                    for name in ["Sec-WebSocket-Accept", "Sec-WebSocket-Protocol"] {
                        headers[name] = response.headers[name]
                    }
                    await splice(try await exchange.upgrade(to: "websocket", headers), guest)
                }
            }
        } catch let error as HTTPError where exchange.isWaiting {
            throw CallError(error)
        }
    }
}
