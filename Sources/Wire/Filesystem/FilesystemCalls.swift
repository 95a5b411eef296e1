import FoundationEssentials

/// A file, directory or link of a sandbox.
public struct FileEntry: Codable, Sendable, Hashable {
    public var name: String
    /// `FILE_TYPE_FILE`, `FILE_TYPE_DIRECTORY` or absent for what is neither; for a link, the type of its target.
    public var type: String?
    public var path: String
    /// Bytes; a string on the wire, as 64-bit numbers are.
    public var size: String?
    public var mode: UInt32?
    /// As `ls -l` shows it, `-rw-r--r--`.
    public var permissions: String?
    public var owner: String?
    public var group: String?
    /// RFC 3339.
    public var modifiedTime: String?
    public var symlinkTarget: String?
    public var metadata: [String: String]?

    public init(name: String, path: String) {
        self.name = name
        self.path = path
    }
}

/// Tells about one path.
public enum StatFile: UnaryCall {
    public static let name = "filesystem.Filesystem/Stat"

    public struct Request: Codable, Sendable, Hashable {
        public var path: String
        public init(path: String) { self.path = path }

        public init(from decoder: any Decoder) throws {
            path = try decoder.container(keyedBy: CodingKeys.self).text(.path)
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var entry: FileEntry
        public init(entry: FileEntry) { self.entry = entry }
    }
}

/// Lists a directory, `depth` levels deep; 0 means 1.
public enum ListDirectory: UnaryCall {
    public static let name = "filesystem.Filesystem/ListDir"

    public struct Request: Codable, Sendable, Hashable {
        public var path: String
        public var depth: UInt32?

        public init(path: String, depth: UInt32? = nil) {
            self.path = path
            self.depth = depth
        }

        public init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            path = try fields.text(.path)
            depth = try fields.integer(.depth)
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var entries: [FileEntry]
        public init(entries: [FileEntry]) { self.entries = entries }
    }
}

/// Makes a directory and its parents.
public enum MakeDirectory: UnaryCall {
    public static let name = "filesystem.Filesystem/MakeDir"
    public typealias Request = StatFile.Request
    public typealias Response = StatFile.Response
}

/// Moves a file or directory.
public enum MoveFile: UnaryCall {
    public static let name = "filesystem.Filesystem/Move"
    public typealias Response = StatFile.Response

    public struct Request: Codable, Sendable, Hashable {
        public var source: String
        public var destination: String

        public init(source: String, destination: String) {
            self.source = source
            self.destination = destination
        }

        public init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            source = try fields.text(.source)
            destination = try fields.text(.destination)
        }
    }
}

/// Removes a path and everything below it; a missing one is no error.
public enum RemoveFile: UnaryCall {
    public static let name = "filesystem.Filesystem/Remove"
    public typealias Request = StatFile.Request
    public typealias Response = Empty
}
