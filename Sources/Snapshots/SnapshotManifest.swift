import FoundationEssentials
import Linux
import Machines
import Wire

/// What a snapshot is: what it needs to run again, and which files hold it.
///
/// Written last, and with a checksum of its own: a snapshot that has one is whole. Read by every restore.
package struct SnapshotManifest: Codable, Sendable, Hashable {
    /// Raised when an older Martlet could not read what is written.
    package static let currentVersion = 1

    /// The template that it came from.
    package struct Origin: Codable, Sendable, Hashable {
        package var template: String
        package var buildID: String
        package var kernel: String
        /// The guest agent's generation; see ``GuestProtocol/generation``.
        package var guestGeneration: Int

        package init(template: String, buildID: String, kernel: String, guestGeneration: Int) {
            self.template = template
            self.buildID = buildID
            self.kernel = kernel
            self.guestGeneration = guestGeneration
        }
    }

    /// A file of the snapshot.
    package struct File: Codable, Sendable, Hashable {
        package var name: String
        package var size: Int64
        /// CRC-32C of all of it; nil for pages, which have theirs in the file.
        package var checksum: UInt32?
    }

    /// The memory: pages that differ from the template's.
    package struct Pages: Codable, Sendable, Hashable {
        package var file: File
        package var encoding: PageEncoding
        /// Pages that are stored, and pages that are zero and are not.
        package var stored: Int
        package var zero: Int
        package var runs: Int
    }

    package var version = Self.currentVersion
    package var id: String
    package var created: Date
    package var origin: Origin
    package var identity: MachineIdentity
    /// The host's processor, where guests run on it directly.
    package var processor: String?
    package var shape: MachineShape
    package var commandLine: String
    package var pages: Pages
    package var deviceState: File
    /// The disk on top of the template's, lowest first.
    package var layers: [File]
    /// What the owner of the snapshot wants to find with it.
    package var attachment: JSONValue?

    /// What is on the disk of the host for it, the template aside.
    package var size: Int64 { pages.file.size + deviceState.size + layers.reduce(0) { $0 + $1.size } }

    // MARK: Bytes

    private static let mark = "crc32c "

    /// Lines of JSON, and a last line with their checksum.
    func encoded() throws -> [UInt8] {
        let text = try JSONValue(encoding: self).encoded(pretty: true) + [0x0A]
        let sum = text.withUnsafeBytes { Checksum(of: $0) }
        return text + Array("\(Self.mark)\(sum.value)\n".utf8)
    }

    /// Reads a manifest that may have been changed by anything.
    init(_ bytes: [UInt8], of path: String) throws(SnapshotError) {
        let lines = bytes.split(separator: 0x0A)
        guard let last = lines.last, last.starts(with: Self.mark.utf8), bytes.last == 0x0A else {
            throw SnapshotError(.truncated, "The manifest of the snapshot in '\(path)' is not whole")
        }
        let text = bytes.dropLast(last.count + 1)
        let sum = Array(text).withUnsafeBytes { Checksum(of: $0) }
        guard String(decoding: last.dropFirst(Self.mark.utf8.count), as: UTF8.self) == "\(sum.value)" else {
            throw SnapshotError(.damaged, "The manifest of the snapshot in '\(path)' is not what was written")
        }
        do {
            let value = try JSONValue(parsing: Array(text))
            guard value["version"]?.integer == Int64(Self.currentVersion) else {
                throw SnapshotError(
                    .incompatible,
                    "The snapshot in '\(path)' was written by another version of Martlet"
                )
            }
            self = try value.decode()
        } catch let error as SnapshotError {
            throw error
        } catch {
            throw SnapshotError(.damaged, "The manifest of the snapshot in '\(path)' can not be read", cause: error)
        }
        let names = [pages.file.name, deviceState.name] + layers.map(\.name)
        guard names.allSatisfy(SnapshotFiles.isPlainName), SnapshotFiles.isPlainName(origin.buildID) else {
            throw SnapshotError(.damaged, "The manifest of the snapshot in '\(path)' names files outside of it")
        }
    }

    init(
        id: String,
        origin: Origin,
        saved: SavedMachine,
        processor: String?,
        pages: Pages,
        deviceState: File,
        layers: [File],
        attachment: JSONValue?
    ) {
        self.id = id
        created = Date()
        self.origin = origin
        identity = saved.identity
        self.processor = processor
        shape = saved.plan.shape
        commandLine = saved.plan.commandLine
        self.pages = pages
        self.deviceState = deviceState
        self.layers = layers
        self.attachment = attachment
    }
}
