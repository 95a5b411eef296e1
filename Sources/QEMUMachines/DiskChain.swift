import Machines
import Wire

/// The disk of one machine: layers on top of one another, of which the last is written to.
///
///     root image (raw) ◄─ the template's ◄─ those of checkpoints … ◄─ active
///            0                  1                 2 … 99              100 …
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
    /// A machine begins to write here, so that there are numbers below for what it may yet stand on.
    private static let firstOwn = 100

    private(set) var frozen: [Layer]
    private(set) var active: Layer

    /// The disk of a machine that is booted from an image.
    init(booting rootImage: String, writing file: String) {
        frozen = [Layer(number: 0, file: rootImage)]
        active = Layer(number: 1, file: file)
    }

    /// The disk of a machine that is resumed from a template.
    init(on rootImage: String, _ template: String) {
        frozen = [Layer(number: 0, file: rootImage), Layer(number: 1, file: template)]
        active = Layer(number: Self.firstOwn, file: Layer.fileName(Self.firstOwn))
    }

    /// Reads QEMU's block devices, as `query-named-block-nodes` tells them; nil when they are not of this form.
    ///
    /// A daemon that ended in the midst of something may have left layers that are opened and not in use: one that was to come
    /// on top, those that were merged. They are told too.
    init?(named nodes: JSONValue, unused: inout [Layer]) {
        var files: [Int: Layer] = [:]
        var depths: [Int: Int] = [:]
        for node in nodes.array ?? [] {
            guard let name = node["node-name"]?.string, name.hasPrefix("layer-") else { continue }
            if name.hasSuffix("-file"), let number = Int(name.dropFirst(6).dropLast(5)) {
                files[number] = Layer(number: number, file: node["file"]?.string ?? "")
            } else if let number = Int(name.dropFirst(6)) {
                depths[number] = node["backing_file_depth"]?.integer.map { Int($0) }
            }
        }
        // What nothing was put under yet is not part of the disk.
        guard let top = depths.filter({ $0.value >= Self.foundation }).keys.max(), let active = files[top],
            let depth = depths[top]
        else { return nil }
        let below = files.values.filter { $0.number < top }.sorted { $0.number < $1.number }
        guard depth == below.count || depth == Self.foundation, below.count >= Self.foundation else { return nil }
        frozen = Array(below.prefix(depth))
        self.active = active
        unused = files.values.filter { $0.number > top } + below.dropFirst(depth)
    }

    /// The layers that checkpoints have left.
    var ofCheckpoints: [Layer] { Array(frozen.dropFirst(Self.foundation)) }
    /// The image at the bottom of all.
    var root: Layer { frozen[0] }
    /// The layer that they are on top of.
    var base: Layer { frozen[Self.foundation - 1] }
    var isTooLong: Bool { ofCheckpoints.count >= Self.limit }

    /// The layer that comes on top at the next checkpoint.
    var next: Layer { Layer(number: active.number + 1, file: Layer.fileName(active.number + 1)) }

    /// Names for layers that another machine has left, to be put between the template and the active layer.
    ///
    /// - Throws: ``MachineError/Code/incompatible`` for more than any machine leaves.
    func places(for count: Int) throws(MachineError) -> [Layer] {
        guard frozen.count == Self.foundation, count <= Self.firstOwn - Self.foundation else {
            throw MachineError(.incompatible, "A disk of \(count) layers is none that a machine has left")
        }
        return (0..<count).map {
            let number = Self.foundation + $0
            return Layer(number: number, file: Layer.fileName(number))
        }
    }

    /// `layers` are between the template and the active layer now.
    mutating func insert(_ layers: [Layer]) {
        frozen += layers
    }

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
