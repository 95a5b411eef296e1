import Glibc
import Linux
import Machines
import Synchronization
import Wire

/// A QEMU that waits in `-incoming` for its device state.
final class QEMUPreparedMachine: PreparedMachine {
    private let process: QEMUProcess
    private let forward: QEMUProcess.Forward
    /// QEMU's standard input.
    private let deviceState: Descriptor
    private let origin: Mutex<QEMUMachine.Origin>

    init(
        _ process: QEMUProcess,
        _ forward: QEMUProcess.Forward,
        _ deviceState: Descriptor,
        _ origin: QEMUMachine.Origin
    ) {
        self.process = process
        self.forward = forward
        self.deviceState = deviceState
        self.origin = Mutex(origin)
    }

    var directory: String { process.directory }
    var ended: Latch<Void> { process.handle.ended }

    func become(_ change: MachineChange) async throws {
        let places = try origin.withLock { $0.disk }.places(for: change.layers.count)
        for (target, layer) in zip(change.layers, places) {
            try MachineFiles.link(target, to: layer.file, in: directory)
        }
        try await insert(places)
        try await process.takeMemory(change.memory)
        try take(deviceState: change.deviceState)
    }

    /// Puts layers under the one that is written to, which is still empty.
    private func insert(_ layers: [DiskChain.Layer]) async throws {
        guard !layers.isEmpty else { return }
        let disk = origin.withLock { $0.disk }
        var below = disk.base
        for layer in layers {
            try await process.qmp.execute(
                "blockdev-add",
                [
                    "driver": "file", "node-name": .string(layer.fileNode), "filename": .string(layer.file),
                    "read-only": true, "aio": "threads",
                ]
            )
            try await process.qmp.execute(
                "blockdev-add",
                [
                    "driver": "qcow2", "node-name": .string(layer.node), "file": .string(layer.fileNode),
                    "read-only": true, "backing": .string(below.node),
                ]
            )
            below = layer
        }
        let active: JSONValue = [
            "driver": "qcow2", "node-name": .string(disk.active.node), "file": .string(disk.active.fileNode),
            "cache": ["no-flush": true], "discard": "unmap", "backing": .string(below.node),
        ]
        try await process.qmp.execute("blockdev-reopen", ["options": [active]])
        origin.withLock { $0.disk.insert(layers) }
    }

    /// Has QEMU find this state when it is told to load one.
    func take(deviceState bytes: [UInt8]) throws(LinuxError) {
        try check("empty a file") { ftruncate(deviceState.raw, 0) }
        try check("go to the beginning of a file") { lseek(deviceState.raw, 0, SEEK_SET) }
        try deviceState.writeAll(bytes)
        // QEMU shares this place in the file.
        try check("go to the beginning of a file") { lseek(deviceState.raw, 0, SEEK_SET) }
    }

    func resume() async throws -> any Machine {
        let loaded = process.qmp.expectMigration()
        try await process.qmp.execute("migrate-incoming", ["uri": "fd:0"])
        guard try await withDeadline(.seconds(20), { try await loaded.value() }) else {
            let log = QEMUEngine.tail(of: "\(directory)/\(QEMUCommandLine.log)")
            throw MachineError(.incompatible, "QEMU could not load the saved state: \(log)")
        }
        try await process.qmp.execute("cont")
        return QEMUMachine(process, forward, origin.withLock { $0 })
    }

    func discard() async {
        await process.destroy()
    }
}
