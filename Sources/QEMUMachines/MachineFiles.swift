import Glibc
import Linux
import Machines

/// The files that a resumed machine stands on, by names in its own directory.
///
/// They are hard links, so that a template that is removed, or another machine's directory, is missed by nobody; where two
/// file systems do not allow that, they point to the file.
struct MachineFiles: Sendable {
    static let memory = "memory"
    private static let kernel = "kernel"
    private static let initialRAMDisk = "initrd"

    let directory: String
    /// With names in the directory.
    let plan: BootPlan

    /// Finds the files of a machine that was resumed in `directory`.
    init(of directory: String, shape: MachineShape, commandLine: String) {
        self.directory = directory
        plan = BootPlan(
            shape: shape,
            kernel: Self.kernel,
            initialRAMDisk: Self.initialRAMDisk,
            commandLine: commandLine,
            rootImage: DiskChain.Layer.fileName(0)
        )
    }

    /// Gives the files of a template names in `directory`, and the machine an empty layer on top of its disk.
    static func make(for saved: SavedMachine, in directory: String) throws -> (files: MachineFiles, disk: DiskChain) {
        // First, so that what is no disk is told as such.
        let size = try DiskLayer.diskSize(saved.disk)
        let disk = DiskChain(on: DiskChain.Layer.fileName(0), DiskChain.Layer.fileName(1))
        for (target, name) in [
            (saved.memory, memory), (saved.plan.kernel, kernel), (saved.plan.initialRAMDisk, initialRAMDisk),
            (saved.plan.rootImage, disk.frozen[0].file), (saved.disk, disk.frozen[1].file),
        ] {
            try link(target, to: name, in: directory)
        }
        try DiskLayer.create(at: "\(directory)/\(disk.active.file)", size: size)
        return (
            MachineFiles(of: directory, shape: saved.plan.shape, commandLine: saved.plan.commandLine), disk
        )
    }

    /// The machine as it can be resumed elsewhere, while its directory is there.
    func saved(_ identity: MachineIdentity, _ disk: DiskChain, _ change: MachineChange) -> SavedMachine {
        var plan = plan
        plan.kernel = "\(directory)/\(Self.kernel)"
        plan.initialRAMDisk = "\(directory)/\(Self.initialRAMDisk)"
        plan.rootImage = "\(directory)/\(DiskChain.Layer.fileName(0))"
        return SavedMachine(
            identity: identity,
            plan: plan,
            memory: "\(directory)/\(Self.memory)",
            disk: "\(directory)/\(disk.base.file)",
            state: .changed(change)
        )
    }

    /// Gives what is at `target` a name in `directory`.
    static func link(_ target: String, to name: String, in directory: String) throws(MachineError) {
        let path = "\(directory)/\(name)"
        do {
            try Files.link(target, to: path)
        } catch {
            let isElsewhere = [EXDEV, EPERM, EMLINK].contains(error.code.rawValue)
            if isElsewhere, let real = Files.resolved(target), symlink(real, path) == 0 { return }
            throw MachineError(
                error.code == .noSpace ? .noSpace : .startFailed,
                "The file '\(target)' of a saved machine can not be used; it may have been removed",
                cause: error
            )
        }
    }
}
