/// Something that happened to a file below a watched directory.
public struct FileChange: Codable, Sendable, Hashable {
    public enum Kind: String, Codable, Sendable, Hashable {
        case create = "EVENT_TYPE_CREATE"
        case write = "EVENT_TYPE_WRITE"
        case remove = "EVENT_TYPE_REMOVE"
        /// The file has left this name; one that arrives at a name is a `create`.
        case rename = "EVENT_TYPE_RENAME"
        /// Rights, owner or attributes have changed.
        case chmod = "EVENT_TYPE_CHMOD"
    }

    /// Relative to the watched directory.
    public var name: String
    public var type: Kind
    /// What stands at the name, if that was asked for and it still stood there.
    public var entry: FileEntry?

    public init(name: String, type: Kind, entry: FileEntry? = nil) {
        self.name = name
        self.type = type
        self.entry = entry
    }
}

/// What to watch, and how closely.
public struct WatchRequest: Codable, Sendable, Hashable {
    public var path: String
    /// Whether directories below are watched as well, those that are made later included.
    public var recursive: Bool?
    public var includeEntry: Bool?
    /// Accepted and of no consequence: a guest has no network mounts.
    public var allowNetworkMounts: Bool?

    public init(path: String, recursive: Bool = false, includeEntry: Bool = false) {
        self.path = path
        self.recursive = recursive
        self.includeEntry = includeEntry
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: FieldName.self)
        func flag(_ names: String...) throws -> Bool? {
            for name in names {
                if let flag = try fields.decodeIfPresent(Bool.self, forKey: FieldName(name)) { return flag }
            }
            return nil
        }
        path = try fields.text(FieldName("path"))
        recursive = try flag("recursive")
        includeEntry = try flag("includeEntry", "include_entry")
        allowNetworkMounts = try flag("allowNetworkMounts", "allow_network_mounts")
    }
}

/// Watches a directory and streams what happens: first `start`, then any number of `filesystem` and `keepalive`.
public enum WatchDirectory: StreamingCall {
    public static let name = "filesystem.Filesystem/WatchDir"
    public typealias Request = WatchRequest

    public struct Event: Codable, Sendable, Hashable {
        public var start: Empty?
        public var filesystem: FileChange?
        public var keepalive: Empty?

        public static let start = Event(start: Empty())
        public static let keepalive = Event(keepalive: Empty())
        public static func filesystem(_ change: FileChange) -> Event { Event(filesystem: change) }

        init(start: Empty? = nil, filesystem: FileChange? = nil, keepalive: Empty? = nil) {
            self.start = start
            self.filesystem = filesystem
            self.keepalive = keepalive
        }
    }
}

/// Watches a directory for a client that asks from time to time what has happened: ``ReadWatcher``.
public enum CreateWatcher: UnaryCall {
    public static let name = "filesystem.Filesystem/CreateWatcher"
    public typealias Request = WatchRequest
    public typealias Response = WatcherSelector
}

/// Names a watcher.
public struct WatcherSelector: Codable, Sendable, Hashable {
    public var watcherId: String
    public init(watcherId: String) { self.watcherId = watcherId }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: FieldName.self)
        let id = try fields.decodeIfPresent(String.self, forKey: FieldName("watcherId"))
        watcherId = try id ?? fields.text(FieldName("watcher_id"))
    }
}

/// Takes what has happened since the last time, up to this very moment.
public enum ReadWatcher: UnaryCall {
    public static let name = "filesystem.Filesystem/GetWatcherEvents"
    public typealias Request = WatcherSelector

    public struct Response: Codable, Sendable, Hashable {
        public var events: [FileChange]
        public init(events: [FileChange]) { self.events = events }
    }
}

/// Ends a watcher.
public enum RemoveWatcher: UnaryCall {
    public static let name = "filesystem.Filesystem/RemoveWatcher"
    public typealias Request = WatcherSelector
    public typealias Response = Empty
}
