import Linux
import Machines
import Wire

extension QEMUProcess {
    /// A machine of an earlier daemon, which may have ended in the midst of anything: what it began is undone, and the guest
    /// goes on.
    func adopted(_ identity: MachineIdentity) async throws -> QEMUMachine {
        try await endBlockJobs()
        let origin = try await origin(identity)
        // It stood still because it was being saved; that was not finished, or the machine would be gone.
        if try await qmp.execute("query-status")["running"]?.bool == false { try await qmp.execute("cont") }
        return try await machine(origin)
    }

    private func endBlockJobs() async throws {
        try await retrying(every: .milliseconds(10), for: .seconds(30)) { [qmp] in
            let jobs = try await qmp.execute("query-block-jobs").array ?? []
            for job in jobs {
                // It may just have ended.
                _ = try? await qmp.execute("block-job-cancel", ["device": job["device"] ?? .null])
            }
            return jobs.isEmpty ? () : nil
        }
    }

    /// What the machine was resumed from; nil for one that was booted.
    private func origin(_ identity: MachineIdentity) async throws -> QEMUMachine.Origin? {
        let nodes = try await qmp.execute("query-named-block-nodes")
        var unused: [DiskChain.Layer] = []
        guard let plan = QEMUCommandLine.plan(of: handle.identity.pid),
            let disk = DiskChain(named: nodes, unused: &unused), Files.exists("\(directory)/\(MachineFiles.memory)")
        else { return nil }
        for layer in unused.sorted(by: { $0.number > $1.number }) { await close(layer) }
        let files = MachineFiles(of: directory, shape: plan.shape, commandLine: plan.commandLine)
        return QEMUMachine.Origin(identity: identity, files: files, disk: disk)
    }

    /// Forgets a layer that is not part of the disk, as far as it was opened, and removes its file.
    func close(_ layer: DiskChain.Layer) async {
        for node in [layer.node, layer.fileNode] {
            _ = try? await qmp.execute("blockdev-del", ["node-name": .string(node)])
        }
        try? Files.remove("\(directory)/\(layer.file)")
    }
}
