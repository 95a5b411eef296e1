/// A volume, by its name or id, and where it is wanted in a sandbox.
public struct VolumeWish: Codable, Sendable, Hashable {
    public var name: String
    public var path: String

    public init(name: String, path: String) {
        self.name = name
        self.path = path
    }
}

/// A volume that is to be seen in a sandbox, and where.
public struct VolumeMount: Codable, Sendable, Hashable {
    /// The volume's id.
    public var volume: String
    /// The volume's name when it was mounted.
    public var name: String
    /// A directory of the sandbox; it is made when it is missing.
    public var path: String

    public init(volume: String, name: String, path: String) {
        self.volume = volume
        self.name = name
        self.path = path
    }
}

/// Lets a guest mount a volume; answered when the volume's files are there. From the host only.
public enum MountVolume: UnaryCall {
    public static let name = "martlet.guest.v1.Volumes/Mount"
    public typealias Request = VolumeMount
    public typealias Response = Empty
}
