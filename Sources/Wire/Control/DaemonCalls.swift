/// Tells about the daemon.
public enum GetDaemon: UnaryCall {
    public static let name = "martlet.v1.Daemon/Get"
    public typealias Request = Empty

    public struct Response: Codable, Sendable, Hashable {
        public var version: String
        public var processID: Int32
        /// Where clients with a key reach it.
        public var url: String
        public var engine: String
        public var accelerator: String
        /// Where model requests go, without any credential.
        public var modelURL: String
        public var hasCredential: Bool
        public var sandboxes: Int
        public var runs: Int
        /// Machines that wait for their sandbox; nil where the daemon is older than this.
        public var waiting: Int?
        /// Machines that are about to wait: with none, every template has as many as it will have. Nil likewise.
        public var starting: Int?
        /// Below which sandboxes have host names, with the port if it is not TLS's own; nil where they are not served by TLS.
        public var domain: String?
        /// The authority that clients must trust for that; nil when the certificate is one that they trust already.
        public var certificateFile: String?

        public init(
            version: String,
            processID: Int32,
            url: String,
            engine: String,
            accelerator: String,
            modelURL: String,
            hasCredential: Bool,
            sandboxes: Int,
            runs: Int,
            waiting: Int? = nil,
            starting: Int? = nil,
            domain: String? = nil,
            certificateFile: String? = nil
        ) {
            self.version = version
            self.processID = processID
            self.url = url
            self.engine = engine
            self.accelerator = accelerator
            self.modelURL = modelURL
            self.hasCredential = hasCredential
            self.sandboxes = sandboxes
            self.runs = runs
            self.waiting = waiting
            self.starting = starting
            self.domain = domain
            self.certificateFile = certificateFile
        }
    }
}

/// Stops the daemon; answered before it stops.
public enum ShutDown: UnaryCall {
    public static let name = "martlet.v1.Daemon/ShutDown"
    public typealias Response = Empty

    public struct Request: Codable, Sendable, Hashable {
        /// Leaves sandboxes running, for the next daemon to find again.
        public var keepSandboxes: Bool
        public init(keepSandboxes: Bool) { self.keepSandboxes = keepSandboxes }
    }
}

/// The version of this build of Martlet.
public enum Version {
    public static let current = "0.1.0"
}
