import FoundationEssentials

/// Gives a guest that has just been resumed what is its own: `POST /init`, from the host only.
///
/// It is the first request a resumed guest answers. The template's bootstrap secret authorises it once; from then on only
/// the new access token opens the guest.
public struct GuestIdentity: Encodable, Sendable, Hashable {
    /// From now on the guest's token.
    public var accessToken: String
    /// Unix time in nanoseconds.
    public var timeNanoseconds: Int64
    /// At least 32 bytes of the host's randomness.
    public var entropy: Data
    public var hostname: String
    /// 32 hexadecimal digits for /etc/machine-id.
    public var machineID: String
    /// Set for every process that is started later.
    public var envVars: [String: String]
    public var defaultUser: String?
    public var defaultWorkdir: String?
    /// What a guest that is somebody's already becomes; nil forgets whose it was, and what happened in it.
    public var renewal: Renewal?

    /// How a machine that was saved while it belonged to somebody goes on.
    public enum Renewal: String, Encodable, Sendable, Hashable {
        /// As the sandbox that it was: names, variables and the journal stay.
        case resume
        /// As another one: its own names, the variables that it had with the new ones in their place, an empty journal.
        case fork
    }

    public init(
        accessToken: String,
        timeNanoseconds: Int64,
        entropy: Data,
        hostname: String,
        machineID: String,
        envVars: [String: String],
        defaultUser: String? = nil,
        defaultWorkdir: String? = nil,
        renewal: Renewal? = nil
    ) {
        self.accessToken = accessToken
        self.timeNanoseconds = timeNanoseconds
        self.entropy = entropy
        self.hostname = hostname
        self.machineID = machineID
        self.envVars = envVars
        self.defaultUser = defaultUser
        self.defaultWorkdir = defaultWorkdir
        self.renewal = renewal
    }
}

extension GuestIdentity {
    /// Reads what was encoded as JSON, member by member.
    ///
    /// It is the first thing that a resumed guest does. Where its processor is emulated, code that runs for the first time is
    /// translated first, and Foundation's decoder is five times as much code as this.
    ///
    /// - Throws: ``JSONError`` for what is no JSON, ``Malformed`` for what is no identity.
    public init(parsing bytes: some Collection<UInt8>) throws {
        let members = try JSONValue(parsing: bytes)
        func text(_ name: String) throws(Malformed) -> String {
            guard let text = members[name]?.string else { throw Malformed(member: name) }
            return text
        }
        guard let time = members["timeNanoseconds"]?.integer else { throw Malformed(member: "timeNanoseconds") }
        guard let entropy = Data(base64Encoded: try text("entropy")) else { throw Malformed(member: "entropy") }
        let variables = try (members["envVars"]?.object ?? [:]).mapValues { value throws(Malformed) in
            guard let text = value.string else { throw Malformed(member: "envVars") }
            return text
        }
        let renewal = try members["renewal"]?.string.map { text throws(Malformed) in
            guard let renewal = Renewal(rawValue: text) else { throw Malformed(member: "renewal") }
            return renewal
        }
        self.init(
            accessToken: try text("accessToken"),
            timeNanoseconds: time,
            entropy: entropy,
            hostname: try text("hostname"),
            machineID: try text("machineID"),
            envVars: variables,
            defaultUser: members["defaultUser"]?.string,
            defaultWorkdir: members["defaultWorkdir"]?.string,
            renewal: renewal
        )
    }

    /// The body of `POST /init`.
    public func encoded() throws -> [UInt8] { Array(try JSONEncoder().encode(self)) }

    /// What ``init(parsing:)`` does not find, or finds to be something else.
    public struct Malformed: Error, CustomStringConvertible {
        public let member: String
        public var description: String { "its member '\(member)' is missing, or is something else" }
    }
}
