import HTTP
import Linux

/// A request to a host with rules as the rules see it, in whatever version of HTTP it came.
package struct RuledRequest: Sendable, Hashable {
    package var method: String
    /// Without its query.
    package var path: String
    /// What the sandbox wrote that goes on to the host: nothing that belongs to a connection, or says where the message goes or
    /// ends.
    package var headers: Headers

    package init(method: String, path: String, headers: Headers) {
        self.method = method
        self.path = path
        self.headers = headers
    }
}

/// The rules about requests to one host, made ready for many of them. It knows nothing of connections: what comes in and goes
/// out are values.
package struct RequestRules: Sendable {
    let host: DomainName
    private let rules: [ReadyRule]
    /// In small letters: the fields that belong to some rule, so that nothing the sandbox writes into them leaves it.
    private let taken: Set<String>

    init(_ rules: [ReadyRule], host: DomainName) {
        self.host = host
        self.rules = rules
        taken = rules.reduce(into: []) { $0.formUnion($1.fields) }
    }

    /// What becomes of a request; what goes out is then asked of the change.
    ///
    /// - Parameter isSecure: whether it goes out over TLS; a secret goes no other way.
    /// - Throws: ``HTTPError`` with the status to answer, for a request that can not go out as the rules want it.
    package func change(_ request: RuledRequest, isSecure: Bool) throws(HTTPError) -> RequestChange {
        var change = RequestChange(host: host, headers: request.headers)
        change.headers = Headers(request.headers.fields.filter { !taken.contains($0.name.lowercased()) })
        let facts = ReadyRule.Facts(request)
        for rule in rules where rule.applies(to: facts) {
            for (field, value) in rule.values {
                guard isSecure || !value.hasSecret else {
                    throw HTTPError(403, "'\(field)' has a secret for '\(host)', which is sent over TLS only")
                }
                change.set(field, value)
            }
            change.applied.append(rule.id)
        }
        return change
    }
}

/// What rules do to one request.
package struct RequestChange: Sendable {
    let host: DomainName
    /// The ids of the rules that were about it, in their order.
    package internal(set) var applied: [String] = []
    /// What is left of the sandbox's own fields.
    var headers: Headers
    private var values: [(field: String, value: HeaderValue)] = []

    init(host: DomainName, headers: Headers) {
        self.host = host
        self.headers = headers
    }

    mutating func set(_ field: String, _ value: HeaderValue) {
        values.append((field, value))
    }

    /// The fields that go out, but for those that the connection adds.
    ///
    /// - Parameter secret: gives a secret by its name.
    /// - Throws: ``HTTPError`` with status 502 for a secret that is not there, or that no field can hold.
    package func headers(revealing secret: (String) async throws -> Secret) async throws(HTTPError) -> Headers {
        var headers = headers
        for (field, value) in values { headers[field] = try await reveal(value, secret) }
        return headers
    }

    private func reveal(
        _ value: HeaderValue,
        _ secret: (String) async throws -> Secret
    ) async throws(HTTPError) -> String {
        var text = ""
        for part in value.parts {
            switch part {
            case .text(let plain): text += plain
            case .secret(let name):
                guard let secret = try? await secret(name) else {
                    throw HTTPError(502, "There is no secret '\(name)', which a rule for '\(host)' names")
                }
                text += secret.exposed { $0 }
            }
        }
        // A secret that ends the field would be a request of its own.
        guard HeaderValue.isSafe(text) else {
            throw HTTPError(502, "A secret for '\(host)' has a control character, and can not be sent")
        }
        return text
    }
}
