import Linux
import Machines

/// The names of files in the directory of a snapshot, and of the base that it stands on.
enum SnapshotFiles {
    static let manifest = "manifest"
    static let deviceState = "device-state"

    static func pages(_ encoding: PageEncoding) -> String {
        switch encoding {
        case .plain: "pages"
        case .zstd: "pages.zst"
        }
    }

    static func layer(_ number: Int) -> String { "layer-\(number)" }

    /// A name that stays where it is: letters, digits, dots, dashes and underscores, and no dot first.
    static func isPlainName(_ name: String) -> Bool {
        (1...128).contains(name.utf8.count) && !name.hasPrefix(".")
            && name.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                    || byte == 0x2D || byte == 0x5F || byte == 0x2E
            }
    }

    /// What all machines of one template build stand on; hard links to the template's files, so that a template can go.
    enum Base {
        static let memory = "memory"
        static let disk = "disk"
        static let rootImage = "root"
        static let kernel = "kernel"
        static let initialRAMDisk = "initrd"
        static let all = [memory, disk, rootImage, kernel, initialRAMDisk]

        /// The files of `saved`, by their names in a base.
        static func files(of saved: SavedMachine) -> [(name: String, path: String)] {
            [
                (memory, saved.memory), (disk, saved.disk), (rootImage, saved.plan.rootImage),
                (kernel, saved.plan.kernel), (initialRAMDisk, saved.plan.initialRAMDisk),
            ]
        }

        /// The machine of `manifest` on the base in `directory`.
        static func machine(_ manifest: SnapshotManifest, in directory: String, _ change: MachineChange) -> SavedMachine
        {
            SavedMachine(
                identity: manifest.identity,
                plan: BootPlan(
                    shape: manifest.shape,
                    kernel: "\(directory)/\(kernel)",
                    initialRAMDisk: "\(directory)/\(initialRAMDisk)",
                    commandLine: manifest.commandLine,
                    rootImage: "\(directory)/\(rootImage)"
                ),
                memory: "\(directory)/\(memory)",
                disk: "\(directory)/\(disk)",
                state: .changed(change)
            )
        }
    }
}
