import FoundationEssentials

/// A sandbox as it was once, of which others can be made: `martlet create` takes its name or its id for a template.
public struct SnapshotInfo: Codable, Sendable, Hashable {
    public var id: String
    public var name: String?
    /// Which it was made of; it may be no more.
    public var sandbox: String
    public var template: String
    public var created: Date

    public init(id: String, name: String?, sandbox: String, template: String, created: Date) {
        self.id = id
        self.name = name
        self.sandbox = sandbox
        self.template = template
        self.created = created
    }
}

/// Keeps a running sandbox as it is now, while it goes on; answered when all of it is on disk.
public enum KeepSandbox: UnaryCall {
    public static let name = "martlet.v1.Snapshots/Create"
    public typealias Response = SnapshotInfo

    public struct Request: Codable, Sendable, Hashable {
        public var id: String
        /// Taken from another snapshot of this name, which is removed.
        public var name: String?
        /// False keeps its disk alone: what is made of it boots on that. Absent: true.
        public var memory: Bool?

        public init(id: String, name: String? = nil, memory: Bool? = nil) {
            self.id = id
            self.name = name
            self.memory = memory
        }
    }
}

/// Lists the snapshots, the oldest first.
public enum ListSnapshots: UnaryCall {
    public static let name = "martlet.v1.Snapshots/List"
    public typealias Request = Empty

    public struct Response: Codable, Sendable, Hashable {
        public var snapshots: [SnapshotInfo]
        public init(snapshots: [SnapshotInfo]) { self.snapshots = snapshots }
    }
}

/// Removes a snapshot; sandboxes that were made from it are not disturbed.
public enum RemoveSnapshot: UnaryCall {
    public static let name = "martlet.v1.Snapshots/Remove"
    public typealias Response = Empty

    public struct Request: Codable, Sendable, Hashable {
        /// Its name, or its id.
        public var name: String
        public init(name: String) { self.name = name }
    }
}

/// Writes a snapshot into one file of the daemon's host, whole or not at all. For the daemon's own user alone.
public enum ExportSnapshot: UnaryCall {
    public static let name = "martlet.v1.Snapshots/Export"

    public struct Request: Codable, Sendable, Hashable {
        /// Its name, or its id.
        public var name: String
        /// Absolute.
        public var path: String
        /// Whether the file is to bring what the template has, so that it is good for other installations, too.
        public var includesTemplate: Bool

        public init(name: String, path: String, includesTemplate: Bool) {
            self.name = name
            self.path = path
            self.includesTemplate = includesTemplate
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var bytes: Int64
        public init(bytes: Int64) { self.bytes = bytes }
    }
}

/// Takes in a snapshot from a file of the daemon's host. For the daemon's own user alone.
public enum ImportSnapshot: UnaryCall {
    public static let name = "martlet.v1.Snapshots/Import"
    public typealias Response = SnapshotInfo

    public struct Request: Codable, Sendable, Hashable {
        /// Absolute.
        public var path: String
        /// What it is called here; nil is what it was called where it was made.
        public var name: String?

        public init(path: String, name: String? = nil) {
            self.path = path
            self.name = name
        }
    }
}
