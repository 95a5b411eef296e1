import HTTP
import Linux

/// What rules do to one request.
package struct RequestChange: Sendable {
    /// A placeholder that goes out as it is.
    package struct Misplaced: Sendable, Hashable {
        package let secret: String
        /// The field that it is in; nil for the path or query.
        package let field: String?
    }

    /// Of what a request might name, so much is told.
    private static let misplacedLimit = 10

    let host: DomainName
    /// The ids of the rules that changed it, in their order.
    package internal(set) var applied: [String] = []
    /// The placeholders that no rule is about there.
    package private(set) var misplaced: [Misplaced] = []
    /// What is left of the sandbox's own fields, with what is to be replaced in each.
    private var own: [(field: Headers.Field, placeholders: Set<Placeholder>)] = []
    private var values: [(field: String, value: HeaderValue)] = []

    init(host: DomainName) {
        self.host = host
    }

    mutating func keep(_ field: Headers.Field, replacing placeholders: Set<Placeholder> = []) {
        own.append((field, placeholders))
    }

    mutating func set(_ field: String, _ value: HeaderValue) {
        values.append((field, value))
    }

    mutating func note(_ placeholders: Set<Placeholder>, in field: String?) {
        for placeholder in placeholders.sorted(by: { $0.secret < $1.secret })
        where misplaced.count < Self.misplacedLimit {
            misplaced.append(Misplaced(secret: placeholder.secret, field: field))
        }
    }

    /// The names of the secrets that go out.
    package var secrets: Set<String> {
        own.reduce(into: Set(values.flatMap(\.value.secrets))) { $0.formUnion($1.placeholders.map(\.secret)) }
    }

    /// The fields that go out, but for those that the connection adds.
    ///
    /// - Parameter secret: gives a secret by its name.
    /// - Throws: ``HTTPError`` with status 502 for a secret that is not there, or that no field can hold.
    package func headers(revealing secret: (String) async throws -> Secret) async throws(HTTPError) -> Headers {
        var known: [String: Secret] = [:]
        for name in secrets { known[name] = try? await secret(name) }
        return try headers(with: known)
    }

    /// The same with the secrets at hand.
    package func headers(with secrets: [String: Secret]) throws(HTTPError) -> Headers {
        var headers = Headers()
        for (field, placeholders) in own {
            guard !placeholders.isEmpty else {
                headers.add(field.name, field.value)
                continue
            }
            var replacements: [Placeholder: String] = [:]
            for placeholder in placeholders { replacements[placeholder] = try reveal(placeholder.secret, secrets) }
            headers.add(field.name, try checked(Placeholder.replace(in: field.value, with: replacements)))
        }
        for (field, value) in values {
            headers[field] = try checked(value.text { name throws(HTTPError) in try reveal(name, secrets) })
        }
        return headers
    }

    private func reveal(_ name: String, _ secrets: [String: Secret]) throws(HTTPError) -> String {
        guard let secret = secrets[name] else {
            throw HTTPError(502, "There is no secret '\(name)', which a rule for '\(host)' names")
        }
        return secret.exposed { $0 }
    }

    /// A secret that ends the field would be a request of its own.
    private func checked(_ text: String) throws(HTTPError) -> String {
        guard HeaderValue.isSafe(text) else {
            throw HTTPError(502, "A secret for '\(host)' has a control character, and can not be sent")
        }
        return text
    }
}
