import Linux
import Machines
import Wire

extension QEMUMachine: FoundingMachine {
    func found() async throws -> Checkpoint {
        try await steering { [self] in
            try await mergeDown()
            let standing = try await standing()
            guard var change = standing.saved.change, let disk = change.layers.last else {
                throw MachineError(.commandFailed, "The machine in '\(directory)' was saved without its disk")
            }
            // The others are in it now.
            change.layers = []
            var saved = standing.saved
            saved.disk = disk
            saved.state = .changed(change)
            return Checkpoint(saved: saved, pause: nil)
        }
    }

    /// Has the active layer hold all that is on top of the root image.
    private func mergeDown() async throws {
        let disk = try disk
        let end = process.qmp.expectJob("found")
        try await process.qmp.execute(
            "block-stream",
            [
                "job-id": "found", "device": .string(disk.active.node), "base-node": .string(disk.root.node),
            ]
        )
        try await end.value().get()
    }
}
