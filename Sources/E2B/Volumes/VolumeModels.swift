// What the control plane says about volumes and the files in them.

import Volumes

/// `NewVolume`.
struct NewVolumeModel: Codable, Sendable, Hashable {
    var name: String
}

/// `Volume`, and `VolumeAndToken` when `token` is there.
struct VolumeModel: Codable, Sendable, Hashable {
    var volumeID: String
    var name: String
    var token: String?
    /// Where the volume's files are served, instead of where the client would look for them.
    var domain: String?
}

/// `PatchVolumecontentVolumeIDPathBody`.
struct VolumeMetadataModel: Codable, Sendable, Hashable {
    var uid: Int64?
    var gid: Int64?
    var mode: Int64?
}

/// `VolumeEntryStat`.
struct VolumeEntryModel: Codable, Sendable, Hashable {
    /// `VolumeEntryStatType`.
    enum Kind: String, Codable, Sendable, Hashable {
        case file, directory, symlink, unknown
    }

    var name: String
    var type: Kind
    var path: String
    var size: Int64
    var mode: UInt32
    var uid: UInt32
    var gid: UInt32
    var atime: Timestamp
    var mtime: Timestamp
    var ctime: Timestamp
    var target: String?

    init(_ entry: VolumeEntry) {
        name = entry.path.name
        path = entry.path.description
        switch entry.kind {
        case .file: type = .file
        case .directory: type = .directory
        case .link(let target):
            type = .symlink
            self.target = target
        case .other: type = .unknown
        }
        size = entry.size
        mode = entry.mode
        uid = entry.uid
        gid = entry.gid
        atime = Timestamp(entry.accessed)
        mtime = Timestamp(entry.modified)
        ctime = Timestamp(entry.changed)
    }
}
