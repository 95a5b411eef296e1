// Snapshots: machines that were saved after they ran, as files.
//
//     snapshots/
//         making/…          begun and not finished; worth nothing after a crash
//         bases/BUILD/      what machines of one template build stand on: memory, disk, root, kernel, initrd (hard links)
//         saved/ID/         manifest · pages · device-state · layer-0 …
//
// A snapshot holds what differs from its template: pages, disk layers, devices. It is written below `making`, put on disk
// and renamed to its place whole. Pages are always told against the template, so a machine that is saved a hundred times
// leaves a hundredth snapshot as large as the pages that then differ. Layers are hard links: several snapshots of one machine
// share those they have in common, and each can go without the others.

import FoundationEssentials
import Glibc
import Linux
import Machines
import Records
import Wire

/// A snapshot that can be resumed.
package struct Snapshot: Sendable {
    package let manifest: SnapshotManifest
    package let saved: SavedMachine
}

/// The snapshots of this installation.
///
/// *Concurrency.* Everything may be called by several tasks at once; `files` is held while names appear, change or go, and
/// never while pages are written or read.
package final class SnapshotStore: Sendable {
    let root: String
    let files = AsyncLock()
    private let checksums = LayerChecksums()

    package init(_ home: Home) {
        root = home.snapshots
    }

    /// Snapshots that are no sandboxes, in a directory of their own.
    package init(root: String) {
        self.root = root
    }

    var making: String { "\(root)/making" }
    func directory(_ id: String) -> String { "\(root)/saved/\(id)" }
    func base(_ buildID: String) -> String { "\(root)/bases/\(buildID)" }

    package func ids() -> [String] { Files.list("\(root)/saved") }

    // MARK: Writing

    /// Writes a machine that was saved. It returns when all of it is on disk, and leaves nothing when it throws.
    ///
    /// The files of `saved` must be there until then: a machine that was suspended is destroyed afterwards.
    @discardableResult
    package func save(
        _ saved: SavedMachine,
        as id: String,
        origin: SnapshotManifest.Origin,
        attachment: JSONValue? = nil
    ) async throws -> SnapshotManifest {
        guard SnapshotFiles.isPlainName(id), SnapshotFiles.isPlainName(origin.buildID) else {
            throw SnapshotError(.failed, "'\(id)' can not be the name of a snapshot")
        }
        guard let change = saved.change else {
            throw SnapshotError(.failed, "A machine that has not run since it was a template is no snapshot")
        }
        return try await whole { place in
            let manifest = try await BlockingPool.run { [self] in
                let pages = try Self.write(change.memory, of: saved, to: place)
                let state = try Self.write(change.deviceState, to: place)
                let layers = try change.layers.enumerated().map { try keep($1, number: $0, in: place) }
                return SnapshotManifest(
                    id: id,
                    origin: origin,
                    saved: saved,
                    processor: saved.identity.accelerator == .kvm ? HostProcessor.model : nil,
                    pages: pages,
                    deviceState: state,
                    layers: layers,
                    attachment: attachment
                )
            }
            try Files.write(manifest.encoded(), to: "\(place)/\(SnapshotFiles.manifest)")
            try await publish(place, as: id, on: origin.buildID, with: SnapshotFiles.Base.files(of: saved))
            return manifest
        }
    }

    /// Gives `body` a directory to make something in, and removes what is left of it.
    func whole<Result: Sendable>(_ body: @Sendable (_ place: String) async throws -> Result) async throws -> Result {
        let place = "\(making)/\(Random.name(12))"
        defer { try? Files.remove(place) }
        do {
            try Files.makeDirectory(place)
            return try await body(place)
        } catch let error as LinuxError where error.code == .noSpace {
            throw SnapshotError(.noSpace, "There is no space left in '\(root)' for the snapshot", cause: error)
        } catch let error as LinuxError {
            throw SnapshotError(.failed, "The snapshot could not be written", cause: error)
        }
    }

    private static func write(_ memory: any MemoryPages, of saved: SavedMachine, to place: String) throws
        -> SnapshotManifest.Pages
    {
        let name = SnapshotFiles.pages(.plain)
        let writer = try PageFileWriter(
            "\(place)/\(name)",
            base: saved.memory,
            memoryPages: saved.plan.shape.memoryMiB << 20 / PageRun.pageSize,
            encoding: .plain
        )
        try memory.forEachBlock { try writer.add($0, $1) }
        return SnapshotManifest.Pages(name: name, try writer.finish())
    }

    private static func write(_ deviceState: [UInt8], to place: String) throws -> SnapshotManifest.File {
        try Files.write(deviceState, to: "\(place)/\(SnapshotFiles.deviceState)")
        let sum = deviceState.withUnsafeBytes { Checksum(of: $0) }
        return .init(name: SnapshotFiles.deviceState, size: Int64(deviceState.count), checksum: sum.value)
    }

    private func keep(_ layer: String, number: Int, in place: String) throws -> SnapshotManifest.File {
        let name = SnapshotFiles.layer(number)
        try Files.link(layer, to: "\(place)/\(name)")
        try Files.synchronize("\(place)/\(name)")
        let (checksum, size) = try checksums.checksum(of: "\(place)/\(name)")
        return .init(name: name, size: size, checksum: checksum)
    }

    /// Puts a finished snapshot in its place, on a base that is there for as long as it is.
    func publish(_ place: String, as id: String, on buildID: String, with base: [(name: String, path: String)])
        async throws
    {
        try await BlockingPool.run { try Files.synchronize(place) }
        // Cancelled in here, the name could be there and nobody know of it.
        try await Task { [self] in
            try await files.withLock { [self] in
                if !Files.exists(self.base(buildID)) {
                    let new = "\(place).base"
                    defer { try? Files.remove(new) }
                    try Files.makeDirectory(new)
                    for (name, path) in base { try Self.link(path, to: "\(new)/\(name)") }
                    try Files.makeDirectory("\(root)/bases")
                    try Files.rename(new, to: self.base(buildID))
                    try await BlockingPool.run { [root] in try Files.synchronize("\(root)/bases") }
                }
                try Files.makeDirectory("\(root)/saved")
                guard !Files.exists(directory(id)) else {
                    throw SnapshotError(.failed, "There is a snapshot '\(id)' already")
                }
                try Files.rename(place, to: directory(id))
                try await BlockingPool.run { [root] in try Files.synchronize("\(root)/saved") }
            }
        }.value
    }

    /// Gives a file of a template another name; on another file system a link has to do.
    private static func link(_ path: String, to name: String) throws(LinuxError) {
        do {
            try Files.link(path, to: name)
        } catch {
            guard error.code.rawValue == EXDEV, let real = Files.resolved(path), symlink(real, name) == 0 else {
                throw error
            }
        }
    }

    // MARK: Reading

    package func manifest(_ id: String) throws -> SnapshotManifest {
        guard SnapshotFiles.isPlainName(id), Files.isDirectory(directory(id)) else {
            throw SnapshotError(.notFound, "There is no snapshot '\(id)'")
        }
        return try Self.manifest(in: directory(id))
    }

    static func manifest(in directory: String) throws -> SnapshotManifest {
        let bytes: [UInt8]
        do {
            bytes = try Files.read("\(directory)/\(SnapshotFiles.manifest)")
        } catch {
            throw SnapshotError(.truncated, "The manifest of the snapshot in '\(directory)' is missing", cause: error)
        }
        return try SnapshotManifest(bytes, of: directory)
    }

    /// Opens a snapshot to resume it, and checks that everything but its pages is what was written; those are checked while
    /// they are read, before the machine runs.
    ///
    /// - Throws: ``SnapshotError`` with `notFound`, `truncated`, `damaged` or `incompatible`.
    package func open(_ id: String) async throws -> Snapshot {
        // Together, since compressing replaces both.
        let (manifest, pages) = try await files.withLock { [self] in
            let manifest = try self.manifest(id)
            return (manifest, try PageFile("\(directory(id))/\(manifest.pages.file.name)"))
        }
        guard manifest.origin.guestGeneration == GuestProtocol.generation else {
            throw SnapshotError(
                .incompatible,
                "The snapshot '\(id)' was saved with another generation of the guest agent, which this Martlet can not "
                    + "speak to"
            )
        }
        let change = try await BlockingPool.run { [directory = directory(id)] in
            try Self.change(of: manifest, in: directory, pages)
        }
        let base = base(manifest.origin.buildID)
        guard Files.size("\(base)/\(SnapshotFiles.Base.memory)") == Int64(manifest.shape.memoryMiB) << 20,
            SnapshotFiles.Base.all.allSatisfy({ Files.exists("\(base)/\($0)") })
        else {
            throw SnapshotError(.truncated, "What the snapshot '\(id)' stands on is not whole: '\(base)' lacks a file")
        }
        return Snapshot(manifest: manifest, saved: SnapshotFiles.Base.machine(manifest, in: base, change))
    }

    /// What the files of a snapshot hold, after a look at each. Blocks.
    static func change(of manifest: SnapshotManifest, in directory: String, _ pages: PageFile) throws -> MachineChange {
        for file in [manifest.pages.file, manifest.deviceState] + manifest.layers {
            let path = "\(directory)/\(file.name)"
            guard let size = Files.size(path), size >= file.size else {
                throw SnapshotError(.truncated, "The file '\(path)' of a snapshot is not whole")
            }
            let isSame =
                try size == file.size && (file.checksum == nil || Checksum(ofFile: path).value == file.checksum)
            guard isSame else {
                throw SnapshotError(.damaged, "The file '\(path)' of a snapshot is not what was written")
            }
        }
        guard pages.memoryPages == manifest.shape.memoryMiB << 20 / PageRun.pageSize else {
            throw PageFileTables.damaged(pages.path)
        }
        return MachineChange(
            deviceState: try Files.read("\(directory)/\(manifest.deviceState.name)"),
            memory: pages,
            layers: manifest.layers.map { "\(directory)/\($0.name)" }
        )
    }
}

extension SnapshotManifest.Pages {
    init(name: String, _ written: (tables: PageFileTables, size: Int64)) {
        self.init(
            file: .init(name: name, size: written.size, checksum: nil),
            encoding: written.tables.encoding,
            stored: written.tables.storedPages,
            zero: written.tables.zeroPages,
            runs: written.tables.runs.count
        )
    }
}
