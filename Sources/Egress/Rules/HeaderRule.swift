/// What is done to a sandbox's requests to a host: fields are set, and what the sandbox itself wrote into them is removed; or
/// a placeholder that it wrote is replaced by the secret that it stands for.
package struct HeaderRule: Sendable, Hashable, Codable {
    /// What logs name it by.
    package var id: String
    /// A name or all names below one, and perhaps ports; without ports it is 80 and 443.
    package var target: EgressTarget
    /// Nil is every method.
    package var methods: [String]?
    /// One path, or with `*` at its end all that begin so; nil is every path.
    package var path: String?
    /// What the sandbox's own fields have to be for a request to be meant, by field; with `*` at its end all that begin so. Nil
    /// is every request.
    package var conditions: [String: String]?
    /// Values by field. In a value `${secret:NAME}` stands for a secret of the sandbox's owner; `${placeholder:NAME}` alone
    /// leaves the field the sandbox's, and lets the secret take its ``Placeholder``'s place there.
    package var headers: [String: String]

    /// - Throws: ``EgressError`` for what could not be kept to: a target that is no name, or a field that belongs to the connection.
    package init(
        id: String,
        host: String,
        methods: [String]? = nil,
        path: String? = nil,
        conditions: [String: String]? = nil,
        headers: [String: String]
    ) throws(EgressError) {
        let target = try EgressPolicy.target(host)
        guard target.isName else {
            throw EgressError(.invalid, "'\(host)' is no name: the requests to an address can not be told apart")
        }
        if let path, !path.hasPrefix("/") {
            throw EgressError(.invalid, "'\(path)' is no path: it must begin with '/'")
        }
        for (field, value) in conditions ?? [:] {
            guard Self.isField(field), HeaderValue.isSafe(value) else {
                throw EgressError(
                    .invalid,
                    "'\(field)' is no field that a rule can ask for, or its value has a control character"
                )
            }
        }
        for (field, value) in headers {
            guard Self.isField(field) else {
                throw EgressError(.invalid, "'\(field)' is no field that a rule can set")
            }
            guard HeaderValue(value) != nil else {
                throw EgressError(
                    .invalid,
                    "The value for '\(field)' has a control character, a secret without a name, or more than a placeholder"
                )
            }
        }
        self.id = id
        self.target = target
        self.methods = methods
        self.path = path
        self.conditions = conditions?.isEmpty == true ? nil : conditions
        self.headers = headers
    }

    /// Fields that say where a message goes or ends: with them, a rule could make one request two.
    private static let reserved: Set<String> = [
        "host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "expect",
        "proxy-connection",
    ]

    private static func isField(_ name: String) -> Bool {
        let isToken = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
            default: false
            }
        }
        return isToken && (1...100).contains(name.utf8.count) && !reserved.contains(name.lowercased())
    }
}
