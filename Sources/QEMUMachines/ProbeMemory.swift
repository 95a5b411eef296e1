import Linux
import Machines
import Wire

/// What the KVM probe found since this machine was started: a file, written whole, deleted by nobody, worth nothing after
/// the next boot.
struct ProbeMemory: Sendable {
    private struct Finding: Codable {
        var bootID: String
        var accelerator: Accelerator
    }

    let path: String

    /// The accelerator to use, from the file or by trying.
    func accelerator() async throws -> Accelerator {
        let bootID = String(decoding: try Files.read("/proc/sys/kernel/random/boot_id"), as: UTF8.self)
        if let bytes = try? Files.read(path), let finding: Finding = try? JSONValue(parsing: bytes).decode(),
            finding.bootID == bootID
        {
            return finding.accelerator
        }
        let outcome = await KVMProbe.run()
        // A device that may only lack a permission is tried again the next time.
        let found: Accelerator = outcome.isUsable ? .kvm : .tcg
        if outcome != .forbidden, outcome != .notTried {
            let finding = Finding(bootID: bootID, accelerator: found)
            try Files.write(JSONValue(encoding: finding).encoded(), to: path)
        }
        return found
    }
}
