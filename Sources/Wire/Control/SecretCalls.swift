import FoundationEssentials

/// What may be told about a secret: everything but its value.
public struct SecretInfo: Codable, Sendable, Hashable {
    public var id: String
    public var name: String
    /// How often it was set.
    public var version: Int
    public var created: Date
    public var updated: Date

    public init(id: String, name: String, version: Int, created: Date, updated: Date) {
        self.id = id
        self.name = name
        self.version = version
        self.created = created
        self.updated = updated
    }
}

/// Stores a secret of the installation's owner, or gives it a new value. No call gives a value back.
public enum SetSecret: UnaryCall {
    public static let name = "martlet.v1.Secrets/Set"
    public typealias Response = SecretInfo

    public struct Request: Codable, Sendable, Hashable {
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }
}

/// Lists the secrets, by name.
public enum ListSecrets: UnaryCall {
    public static let name = "martlet.v1.Secrets/List"
    public typealias Request = Empty

    public struct Response: Codable, Sendable, Hashable {
        public var secrets: [SecretInfo]
        public init(secrets: [SecretInfo]) { self.secrets = secrets }
    }
}

/// Removes a secret with all its versions.
public enum RemoveSecret: UnaryCall {
    public static let name = "martlet.v1.Secrets/Remove"
    public typealias Response = Empty

    public struct Request: Codable, Sendable, Hashable {
        public var name: String
        public init(name: String) { self.name = name }
    }
}
