import FoundationEssentials
import HTTP
import Wire

extension TerminalOpening {
    /// What to ask a guest's agent for, with a WebSocket.
    package var target: String {
        get throws {
            var items: [(String, String)] = []
            if let slug { items.append(("slug", slug)) }
            if let user { items.append(("username", user)) }
            if let process {
                items.append(("process", String(decoding: try JSONEncoder().encode(process), as: UTF8.self)))
            }
            if let line { items.append(("exec", line)) }
            if replaceOnExit == true { items.append(("replaceOnExit", "true")) }
            if let size { items += [("cols", String(size.cols)), ("rows", String(size.rows))] }
            let query = items.map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
            let path = GuestProtocol.terminalsPath + (session.map { "/\(PercentEncoding.encode($0))" } ?? "")
            return query.isEmpty ? path : "\(path)?\(query)"
        }
    }
}

/// Terminals of a sandbox, as `Wire/Process/TerminalMessages.swift` says what passes on their sockets.
extension CallClient {
    /// The sessions that run, or did until a while ago; of one user, or of all.
    package func terminals(of user: String? = nil) async throws -> [TerminalInfo] {
        let query = user.map { "?username=\(PercentEncoding.encode($0))" } ?? ""
        return try await ask("GET", "\(GuestProtocol.terminalsPath)\(query)", TerminalList.self).sessions
    }

    /// One session, by its number or its slug.
    package func terminal(_ session: String, of user: String? = nil) async throws -> TerminalInfo {
        try await ask("GET", try TerminalOpening(session: session, user: user).target, TerminalInfo.self)
    }

    /// Ends a session: it is hung up, and killed if it takes no notice. Ended ones stay as they are.
    package func endTerminal(_ session: String, of user: String? = nil) async throws -> TerminalInfo {
        try await ask("DELETE", try TerminalOpening(session: session, user: user).target, TerminalInfo.self)
    }

    private func ask<Answer: Decodable>(_ method: String, _ target: String, _ type: Answer.Type) async throws -> Answer
    {
        let head = RequestHead(method: method, target: target, headers: headers)
        let answer = try await http.send(head, limit: 4 * 1024 * 1024)
        guard answer.head.status == 200 else { throw CallError(answer: answer.head, answer.body) }
        return try CallRouter.decode(answer.body)
    }
}
