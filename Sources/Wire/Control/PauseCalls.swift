/// Saves a sandbox as it is, its processes and files and memory, and ends its machine; answered when all of it is on disk.
public enum PauseSandbox: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/Pause"
    public typealias Response = SandboxInfo

    public struct Request: Codable, Sendable, Hashable {
        public var id: String
        /// False saves its files alone: its processes end, and it is booted when it is resumed.
        public var keepsMemory: Bool?

        public init(id: String, keepsMemory: Bool? = nil) {
            self.id = id
            self.keepsMemory = keepsMemory
        }
    }
}

/// Lets a paused sandbox go on as if nothing had been; answered when its guest has answered.
public enum ResumeSandbox: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/Resume"

    public struct Request: Codable, Sendable, Hashable {
        public var id: String
        /// Seconds from now until it is ended or paused again; nil means as many as it was last given.
        public var lifetime: Double?

        public init(id: String, lifetime: Double? = nil) {
            self.id = id
            self.lifetime = lifetime
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var sandbox: SandboxInfo
        /// False when it ran, and nothing was done.
        public var wasPaused: Bool

        public init(sandbox: SandboxInfo, wasPaused: Bool) {
            self.sandbox = sandbox
            self.wasPaused = wasPaused
        }
    }
}
