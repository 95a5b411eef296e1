import Machines

/// The state of a machine's devices, as QEMU writes it for Xen and as it reads it in a migration.
///
/// A migration of ours brings no memory: that is in its file, or was written into the process before. So what
/// `xen-save-devices-state` leaves, all devices and no memory, is a whole migration but for two parts that QEMU would only do
/// without if it were started otherwise, and then it could not read a template's state:
///
///     magic, version · configuration · devices · end · description
enum DeviceState {
    private static let magic: [UInt8] = Array("QEVM".utf8) + [0, 0, 0, 3]

    /// What was saved, as a migration.
    ///
    /// - Throws: ``MachineError/Code/commandFailed`` when it is not what this QEMU writes.
    static func migration(of saved: [UInt8]) throws(MachineError) -> [UInt8] {
        guard saved.starts(with: magic), saved.count > magic.count, saved.last == 0 else {
            throw MachineError(.commandFailed, "QEMU saved the state of its devices in a form that is not known")
        }
        return magic + configuration + saved.dropFirst(magic.count) + description
    }

    /// The machine's type, and the capabilities that both sides must have: those of ``QEMUProcess/capabilities`` that change
    /// what is sent.
    private static var configuration: [UInt8] {
        [7] + counted32("microvm")
            + [5] + counted8("configuration/capabilities") + [0, 0, 0, 1]
            + [0, 0, 0, 1] + counted8("x-ignore-shared")
    }

    /// For people who look into the file: there is nothing to say.
    private static var description: [UInt8] { [6] + counted32("{}") }

    private static func counted8(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + text.utf8 }
    private static func counted32(_ text: String) -> [UInt8] { [0, 0, 0] + counted8(text) }
}
