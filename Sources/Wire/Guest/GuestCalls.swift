import FoundationEssentials

/// What host and guest agree on besides the services.
public enum GuestProtocol {
    /// Where the agent listens in the guest; E2B's envd uses the same port.
    public static let agentPort: UInt16 = 49_983
    /// Where the guest reaches the gateway, on its own loopback: the agent carries each connection to the host.
    public static let gatewayPort: UInt16 = 49_984
    /// Where the guest's name server listens: an address of the loopback of its own, so that port 53 of the usual one stays free.
    public static let nameServer = "127.0.0.53"
    /// Header that carries the access token, as in E2B's envd.
    public static let tokenHeader = "X-Access-Token"
    /// Header that carries the bootstrap secret, on `/init` only.
    public static let bootstrapHeader = "X-Martlet-Bootstrap"
    /// `POST` here with this `Upgrade` leaves a connection waiting in the guest; the agent uses it for the next outgoing
    /// connection, and its first line, JSON (``TunnelOpening``), says where that goes.
    public static let tunnelPath = "/martlet/tunnel"
    public static let tunnelUpgrade = "martlet-tunnel"
    /// `POST` here with this `Upgrade` and `port` in the query becomes a connection to that port of the guest's loopback; 502
    /// when nothing listens there.
    public static let connectPath = "/martlet/connect"
    public static let connectUpgrade = "martlet-connect"
    /// `POST` a tar stream here: `path`, `username`. It is unpacked into the directory, which is made if missing.
    public static let unpackPath = "/martlet/unpack"
    /// `GET` a tar stream of a directory from here: `path`, `username`.
    public static let packPath = "/martlet/pack"
    /// `GET` lists terminals, as a WebSocket it opens one; with a session's number or slug behind it, `GET` joins and `DELETE` ends.
    public static let terminalsPath = "/terminals"
    /// `GET` a WebSocket here for a program's three streams; the first message says which.
    public static let execPath = "/exec"
    /// `POST` here gives a file the place and the rights of another: ``FilePlacement``; `username` in the query.
    public static let placePath = "/martlet/place"
    /// `POST` here with the token makes the guest nobody's again: its processes end, its token is void, and the bootstrap
    /// secret opens it once more. The last call of a template build.
    public static let releasePath = "/martlet/release"
    /// `POST` here with this `Upgrade` lets the guest's processes stand still, and says ``heldLine`` when they do. They go on
    /// when the host ends the connection, when the guest gets another identity, or after a `DELETE` here.
    public static let holdPath = "/martlet/hold"
    public static let holdUpgrade = "martlet-hold"
    public static let heldLine = "held\n"
    /// What is said in its place, where the query has `sync`, when the disk has all that they have written, too.
    public static let heldAndWrittenLine = "held, and written\n"
    /// A file of the guest whose content changes each time a saved machine goes on: whoever keeps a random generator of its
    /// own seeds it anew then.
    public static let generationFile = "/run/martlet/generation"
    /// What stands in for an API key in the guest; the gateway puts the real one in its place.
    public static let placeholderKey = "sk-ant-martlet-placeholder-the-gateway-has-the-key"
    /// Raised when host and guest would no longer understand each other; a template names the one it was made with.
    public static let generation = 1
}

/// What puts a file that was written whole in the place of another, so that nobody ever finds half of it.
public struct FilePlacement: Codable, Sendable, Hashable {
    public var source: String
    public var destination: String
    /// The rights that it has then; absent: those of what stood there, else 0600.
    public var mode: UInt32?

    public init(source: String, destination: String, mode: UInt32? = nil) {
        self.source = source
        self.destination = destination
        self.mode = mode
    }
}

/// The first line of a tunnel that came into use.
public struct TunnelOpening: Codable, Sendable, Hashable {
    /// What a tunnel carries.
    public enum Kind: String, Codable, Sendable, Hashable {
        /// HTTP for the gateway itself.
        case gateway
        /// The files of a volume that is mounted in the guest.
        case volume
        /// A connection that a program made to an address.
        case tcp
        /// Questions for names, each behind its length, as DNS over TCP has it.
        case dns
    }

    /// Agents that know no other leave it out.
    private var kindOrNone: Kind?
    public var kind: Kind { kindOrNone ?? .gateway }
    /// The address that a program connected to; of ``Kind/tcp`` alone.
    public var address: String?
    /// The port that a program connected to: for the gateway, on the guest's loopback.
    public var port: UInt16
    /// The volume's id; of ``Kind/volume`` alone.
    public var volume: String?

    private enum CodingKeys: String, CodingKey {
        case kindOrNone = "kind"
        case address, port, volume
    }

    public init(_ kind: Kind = .gateway, address: String? = nil, port: UInt16, volume: String? = nil) {
        kindOrNone = kind == .gateway ? nil : kind
        self.address = address
        self.port = port
        self.volume = volume
    }
}
