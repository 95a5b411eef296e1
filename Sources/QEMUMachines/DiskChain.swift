import Machines
import Wire

/// The disk of one machine: layers on top of one another, of which the last is written to.
///
///     root image (raw) ◄─ the template's ◄─ those of checkpoints … ◄─ active
struct DiskChain: Sendable {
    struct Layer: Sendable, Hashable {
        let number: Int
        /// As the machine's process names it: absolute, or in its own directory.
        let file: String

        /// The layer and the file under it, in QEMU's graph of block devices.
        var node: String { "layer-\(number)" }
        var fileNode: String { "layer-\(number)-file" }

        static func fileName(_ number: Int) -> String { "layer-\(number)" }
    }

    /// Root image and template.
    private static let foundation = 2
    /// Layers that checkpoints may leave before they are merged: each costs a look-up in every read.
    private static let limit = 8

    private(set) var frozen: [Layer]
    private(set) var active: Layer

    /// - Parameter files: lowest first, the root image and at least one more.
    init(_ files: [String]) {
        frozen = files.dropLast().enumerated().map { Layer(number: $0, file: $1) }
        active = Layer(number: files.count - 1, file: files.last ?? "")
    }

    /// What QEMU tells about its block devices; nil when it was started with other names.
    init?(named nodes: JSONValue) {
        let layers = (nodes.array ?? []).compactMap { node -> Layer? in
            guard let name = node["node-name"]?.string, name.hasPrefix("layer-"), name.hasSuffix("-file"),
                let number = Int(name.dropFirst(6).dropLast(5)), let file = node["file"]?.string
            else { return nil }
            return Layer(number: number, file: file)
        }
        .sorted { $0.number < $1.number }
        guard layers.count > Self.foundation, let last = layers.last else { return nil }
        frozen = Array(layers.dropLast())
        active = last
    }

    /// The layers that checkpoints have left.
    var ofCheckpoints: [Layer] { Array(frozen.dropFirst(Self.foundation)) }
    /// The layer that they are on top of.
    var base: Layer { frozen[Self.foundation - 1] }
    var isTooLong: Bool { ofCheckpoints.count >= Self.limit }

    /// The layer that comes on top at the next checkpoint.
    var next: Layer { Layer(number: active.number + 1, file: Layer.fileName(active.number + 1)) }

    /// The active layer was closed, and `next` is written to.
    mutating func advance() {
        let layer = next
        frozen.append(active)
        active = layer
    }

    /// All that checkpoints had left is in the active layer now.
    mutating func merged() {
        frozen = Array(frozen.prefix(Self.foundation))
    }

    /// The options that make it the disk of a machine.
    var arguments: [String] {
        var arguments: [String] = []
        for (index, layer) in (frozen + [active]).enumerated() {
            let isActive = layer == active
            let format = index == 0 ? "raw" : "qcow2"
            let backing = index == 0 ? "" : ",backing=\(frozen[index - 1].node)"
            let mode = isActive ? "cache.no-flush=on,discard=unmap" : "read-only=on"
            arguments += [
                "-blockdev",
                "driver=file,node-name=\(layer.fileNode),filename=\(QEMUCommandLine.escaped(layer.file)),aio=threads"
                    + (isActive ? ",cache.no-flush=on" : ",read-only=on"),
                "-blockdev", "driver=\(format),node-name=\(layer.node),file=\(layer.fileNode),\(mode)\(backing)",
            ]
        }
        return arguments + ["-device", "virtio-blk-device,drive=\(active.node)"]
    }
}
