import HTTP
import Linux

extension SandboxEgress {
    /// What git's rules make of one request.
    enum GitPassage {
        /// They are not about it.
        case other
        /// It goes out by this rule; what was read of its body goes first.
        case out(GitRule, read: [UInt8])
        /// It was answered.
        case answered
    }

    /// Bytes of a refused push that are waited for, so that git reads the answer.
    private static let patience = 256 * 1024 * 1024

    /// Asks git's rules about a request, and answers one that may not be.
    func pass(
        _ exchange: Exchange,
        _ rules: GitRules,
        _ allowed: EgressDecision,
        _ connection: OpenConnection,
        _ name: DomainName
    ) async throws -> GitPassage {
        let request = exchange.request
        let query = String(request.originTarget.drop { $0 != "?" })
        switch rules.meaning(of: request.method, request.path, query: query) {
        case .other:
            // A host that is let out for git alone is let out for nothing else.
            guard case .allowed(.rule(let id)) = allowed, rules.contains(id) else { return .other }
            return try await refuse(
                exchange,
                "This sandbox may use git with '\(name)', and this is no repository of it"
            )
        case .allowed(let rule):
            return .out(rule, read: [])
        case .refused(let rule, let why):
            tell(.connection, .denied(.platform(.git(rule: rule.id, nil))), name, connection.address, connection.port)
            return try await refuse(exchange, why)
        case .push(let rule):
            return try await pass(push: exchange, rule, connection, name)
        }
    }

    /// In plain text, which git shows behind "remote:".
    private func refuse(_ exchange: Exchange, _ why: String) async throws -> GitPassage {
        try await drain(exchange)
        try await exchange.respond(403, ["Content-Type": "text/plain"], body: Array("\(why)\n".utf8))
        return .answered
    }

    private func drain(_ exchange: Exchange) async throws {
        var left = Self.patience
        while left > 0 {
            let bytes = try await exchange.body.read()
            if bytes.isEmpty { return }
            left -= bytes.count
        }
    }

    private func pass(
        push exchange: Exchange,
        _ rule: GitRule,
        _ connection: OpenConnection,
        _ name: DomainName
    ) async throws -> GitPassage {
        guard exchange.request.headers.values("Content-Encoding").isEmpty else {
            return try await refuse(
                exchange,
                "A push to \(rule.path) is read before it goes out, and can not be compressed"
            )
        }
        var read: [UInt8] = []
        while true {
            switch PushRequest.read(read) {
            case .incomplete:
                let bytes = try await exchange.body.read()
                if bytes.isEmpty { return try await refuse(exchange, "The push to \(rule.path) is cut off") }
                read += bytes
            case .malformed:
                return try await refuse(exchange, "The push to \(rule.path) is malformed, or more than is read of it")
            case .signed:
                return try await refuse(exchange, "This sandbox may not sign its push to \(rule.path)")
            case .whole(let push):
                guard let fault = rule.fault(of: push) else { return .out(rule, read: read) }
                for ref in push.refs where !rule.allows(pushTo: ref) {
                    let ground = EgressDecision.Ground.git(rule: rule.id, ref)
                    tell(.connection, .denied(.platform(ground)), name, connection.address, connection.port)
                }
                guard let answer = push.refusal(fault) else {
                    return try await refuse(exchange, "A ref of this push is not allowed")
                }
                try await drain(exchange)
                try await exchange.respond(
                    200,
                    ["Content-Type": "application/x-git-receive-pack-result", "Cache-Control": "no-cache"],
                    body: answer
                )
                return .answered
            }
        }
    }
}
