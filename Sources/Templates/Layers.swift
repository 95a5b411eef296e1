import Glibc
import Linux
import Records

/// What a template is made from, in the order of its making; each is files on the host.
package enum Layer: String, CaseIterable, Sendable {
    /// `vmlinux`, `modules/NN-name.ko` and `release`.
    case kernel
    /// `root.tar`: Debian.
    case base
    /// `claude`: the program.
    case claude
    /// `packages/`: what Python programs import.
    case packages
    /// `disk.raw`: all of these as a file system.
    case disk
    /// `initramfs.cpio`: the guest's agent and the modules.
    case initialRAMDisk = "initramfs"
}

/// The layers of this installation, in `images/`: one directory each, named after its layer and the digest of all that went
/// into it.
///
/// A layer is made below `images/.making`, put on disk, and renamed to its place whole; one that is in its place is complete
/// and never changes. What a killed build left is swept when the next begins.
package struct LayerStore: Sendable {
    /// Where a layer is made.
    package struct Workplace: Sendable {
        /// What is in it becomes the layer.
        package let result: String
        /// What is in it is thrown away.
        package let scratch: String
    }

    private let images: String
    private let making: String
    private let epochFile: String
    /// Downloads, by digest.
    package let cache: String

    package init(_ home: Home) {
        images = home.images
        making = "\(home.images)/.making"
        epochFile = "\(home.images)/epoch"
        cache = home.cache
    }

    package func directory(_ layer: Layer, _ key: String) -> String {
        "\(images)/\(layer.rawValue)-\(key.prefix(24))"
    }

    package func has(_ layer: Layer, _ key: String) -> Bool {
        Files.isDirectory(directory(layer, key))
    }

    /// Part of every key: while it stays, what is there is used.
    ///
    /// Making all anew must not replace a layer in its place, for saved machines stand on it; so it changes the keys.
    package var epoch: String {
        (try? Files.read(epochFile)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    package func beginEpoch() throws {
        try Files.makeDirectory(images)
        try Files.write(Random.name(12).utf8, to: epochFile)
    }

    /// Makes a layer, whole or not at all, and gives its directory.
    package func make(
        _ layer: Layer,
        _ key: String,
        _ body: @Sendable (Workplace) async throws -> Void
    ) async throws -> String {
        let place = "\(making)/\(layer.rawValue)-\(Random.name(8))"
        let workplace = Workplace(result: "\(place)/result", scratch: "\(place)/scratch")
        do {
            // Searchable for all: in a user namespace Debian's tools are another user.
            try Files.makeDirectory(workplace.result)
            try Files.makeDirectory(workplace.scratch, mode: 0o755)
            try await body(workplace)
            try await Self.putOnDisk(workplace.result)
            let directory = directory(layer, key)
            try Files.rename(workplace.result, to: directory)
            try await BlockingPool.run { [images] in try Self.synchronize(images) }
            await Tools.removeTree(place)
            return directory
        } catch {
            // In a task of its own: a cancelled build still clears away what it began.
            await Task { await Tools.removeTree(place) }.value
            if let error = error as? LinuxError, error.code == .noSpace {
                throw TemplateError(.noSpace, "There is no space left in '\(images)' for the layer '\(layer.rawValue)'")
            }
            throw error
        }
    }

    /// Removes what builds left that never finished; only while none runs.
    package func sweep() async {
        for name in Files.list(making) { await Tools.removeTree("\(making)/\(name)") }
    }

    /// Removes the layers that are in none of the directories `kept`. Running machines hold their files open and keep them.
    package func collect(keeping kept: Set<String>) async {
        for name in Files.list(images) {
            let path = "\(images)/\(name)"
            let isLayer = Layer.allCases.contains { name.hasPrefix("\($0.rawValue)-") }
            if isLayer, !kept.contains(path) { await Tools.removeTree(path) }
        }
    }

    /// Waits until all files below `directory` are on disk.
    package static func putOnDisk(_ directory: String) async throws {
        try await BlockingPool.run { try synchronizeTree(directory) }
    }

    private static func synchronizeTree(_ path: String) throws(LinuxError) {
        if Files.isDirectory(path) {
            for name in Files.list(path) { try synchronizeTree("\(path)/\(name)") }
        }
        try synchronize(path)
    }

    private static func synchronize(_ path: String) throws(LinuxError) {
        let file = try Descriptor.open(path, O_RDONLY)
        try check("write '\(path)' to disk") { fsync(file.raw) }
    }
}
