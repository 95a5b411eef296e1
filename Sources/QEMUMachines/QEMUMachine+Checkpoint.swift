import Linux
import Machines
import Synchronization
import Wire

// Saving a machine that goes on, in the order in which it happens:
//
//     running    an empty disk layer is opened; memory for the pages is taken
//     standing   devices saved · own pages found and copied · the disk's active layer closed, the new one written to
//     running    what was copied is handed out
//
// Once begun, nothing cancels it: a machine must not stand still because somebody lost interest.

extension QEMUMachine {
    private static let deviceState = "device-state"
    /// More pages than were found while the machine ran: it went on until it stood.
    private static let spare = 2048

    func checkpoint() async throws -> Checkpoint {
        try await steering { [self] in
            if try disk.isTooLong { try await mergeAllLayers() }
            return try await goingOn()
        }
    }

    func suspend() async throws -> Checkpoint {
        try await steering { [self] in
            if try disk.isTooLong { try await mergeAllLayers() }
            return try await standing()
        }
    }

    func mergeLayers() async throws {
        try await steering { [self] in try await mergeAllLayers() }
    }

    /// Runs `body` when nothing else is done to the machine, to its end.
    func steering<Result: Sendable>(_ body: @Sendable @escaping () async throws -> Result) async throws
        -> Result
    {
        try await steering.withLock { try await Task { try await body() }.value }
    }

    private var origin: Origin {
        get throws {
            guard let origin = state.withLock({ $0.origin }) else {
                throw MachineError(
                    .notResumed,
                    "The machine in '\(directory)' was booted and not resumed from a template, so what it has changed can "
                        + "not be told"
                )
            }
            return origin
        }
    }

    // MARK: Saving

    private func goingOn() async throws -> Checkpoint {
        let origin = try origin
        let wasStanding = state.withLock { $0.isStanding }
        let memory = try ownMemory()
        let next = origin.disk.next
        try await open(next, like: origin.disk)
        let expected: Int
        let buffer: PageBuffer
        do {
            (expected, buffer) = try await BlockingPool.run {
                let pages = try memory.privateRuns().pageCount + Self.spare
                return (pages, try PageBuffer(pages: pages, isPopulated: true))
            }
        } catch {
            await process.close(next)
            throw error
        }
        let clock = ContinuousClock()
        let start = clock.now
        do {
            try await process.qmp.execute("stop")
        } catch {
            await process.close(next)
            throw error
        }
        async let copying = copy(memory, to: buffer, expected)
        let freezing = await Task { try await saveDevicesAndFreeze(next, origin.disk) }.result
        let copied: Result<CopiedPages, any Error>
        do { copied = .success(try await copying) } catch { copied = .failure(error) }
        // In every case: whatever failed, the guest goes on.
        if !wasStanding { try await process.qmp.execute("cont") }
        let pause = clock.now - start
        let devices = try freezing.get()
        let pages = try copied.get()
        let change = MachineChange(deviceState: devices, memory: pages, layers: layers(try disk.ofCheckpoints))
        return Checkpoint(saved: origin.files.saved(origin.identity, origin.disk, change), pause: pause)
    }

    func standing() async throws -> Checkpoint {
        let origin = try origin
        let wasStanding = state.withLock { $0.isStanding }
        let memory = try ownMemory()
        try await process.qmp.execute("stop")
        do {
            let saved = try await saveDevices()
            let runs = try await BlockingPool.run { try memory.privateRuns() }
            state.withLock { $0.isStanding = true }
            let layers = layers(origin.disk.ofCheckpoints + [origin.disk.active])
            let change = MachineChange(deviceState: saved, memory: StandingPages(memory, runs), layers: layers)
            return Checkpoint(saved: origin.files.saved(origin.identity, origin.disk, change), pause: nil)
        } catch {
            if !wasStanding { _ = try? await process.qmp.execute("cont") }
            throw error
        }
    }

    private func ownMemory() throws -> ProcessMemory {
        do {
            return try ProcessMemory(of: processID, mapping: "\(directory)/\(MachineFiles.memory)")
        } catch {
            throw MachineError(.gone, "The memory of the machine in '\(directory)' can not be found", cause: error)
        }
    }

    private func copy(_ memory: ProcessMemory, to buffer: PageBuffer, _ room: Int) async throws -> CopiedPages {
        try await BlockingPool.run {
            let runs = try memory.privateRuns()
            var parts: [(runs: [PageRun], buffer: PageBuffer)] = []
            // What was written since the pages were counted; seldom more than there is room for.
            for group in runs.grouped(upTo: room) {
                let target = parts.isEmpty ? buffer : try PageBuffer(pages: group.pageCount, isPopulated: false)
                try memory.read(group, into: target.bytes)
                parts.append((group, target))
            }
            return CopiedPages(parts)
        }
    }

    private func saveDevices() async throws -> [UInt8] {
        let path = "\(directory)/\(Self.deviceState)"
        defer { try? Files.remove(path) }
        try await process.qmp.execute("xen-save-devices-state", ["filename": .string(Self.deviceState)])
        return try DeviceState.migration(of: Files.read(path))
    }

    // MARK: The disk

    var disk: DiskChain {
        get throws { try origin.disk }
    }

    private func layers(_ layers: [DiskChain.Layer]) -> [String] {
        layers.map { $0.file.hasPrefix("/") ? $0.file : "\(directory)/\($0.file)" }
    }

    /// Makes an empty layer known to QEMU; nothing is on top of anything yet.
    private func open(_ layer: DiskChain.Layer, like disk: DiskChain) async throws {
        let path = "\(directory)/\(layer.file)"
        do {
            try Files.remove(path)
            try DiskLayer.create(at: path, size: DiskLayer.diskSize("\(directory)/\(disk.active.file)"))
            try await process.qmp.execute(
                "blockdev-add",
                [
                    "driver": "file", "node-name": .string(layer.fileNode), "filename": .string(layer.file),
                    "cache": ["no-flush": true], "aio": "threads",
                ]
            )
            try await process.qmp.execute(
                "blockdev-add",
                [
                    "driver": "qcow2", "node-name": .string(layer.node), "file": .string(layer.fileNode),
                    "cache": ["no-flush": true], "discard": "unmap", "backing": .null,
                ]
            )
        } catch {
            await process.close(layer)
            throw error
        }
    }

    private func saveDevicesAndFreeze(_ next: DiskChain.Layer, _ disk: DiskChain) async throws -> [UInt8] {
        do {
            let saved = try await saveDevices()
            try await process.qmp.execute(
                "blockdev-snapshot",
                ["node": .string(disk.active.node), "overlay": .string(next.node)]
            )
            state.withLock { $0.origin?.disk.advance() }
            return saved
        } catch {
            await process.close(next)
            throw error
        }
    }

    private func mergeAllLayers() async throws {
        let disk = try disk
        guard !disk.ofCheckpoints.isEmpty else { return }
        let end = process.qmp.expectJob("merge")
        try await process.qmp.execute(
            "block-stream",
            [
                "job-id": "merge", "device": .string(disk.active.node), "base-node": .string(disk.base.node),
            ]
        )
        try await end.value().get()
        state.withLock { $0.origin?.disk.merged() }
        // From the top: each still has the one below it behind it.
        for layer in disk.ofCheckpoints.reversed() { await process.close(layer) }
    }
}
