import CLinux
import Glibc
import Linux
import Wire

/// What makes two guests from one snapshot different from each other.
enum MachineIdentity {
    /// Sets clock, randomness and names. Blocks.
    static func apply(_ identity: GuestIdentity) throws(LinuxError) {
        let second: Int64 = 1_000_000_000
        try check("set the clock") {
            clinux_set_clock(identity.timeNanoseconds / second, identity.timeNanoseconds % second)
        }
        let entropy = Array(identity.entropy)
        // The kernel takes 256 bytes at a time.
        for start in stride(from: 0, to: entropy.count, by: 256) {
            let piece = Array(entropy[start..<min(start + 256, entropy.count)])
            try check("add entropy") { clinux_add_entropy(piece, piece.count) }
        }
        try markGeneration()
        // It is who it was, and may have changed its names itself.
        if identity.renewal == .resume { return }
        try check("set the host name") { clinux_set_hostname(identity.hostname) }
        try write("\(identity.hostname)\n", to: "/etc/hostname")
        // sudo and others look their own host up and complain when it is not there.
        try write("127.0.0.1 localhost \(identity.hostname)\n::1 localhost\n", to: "/etc/hosts")
        try write("\(identity.machineID)\n", to: "/etc/machine-id")
    }

    /// Tells programs that this machine may go on elsewhere, too. Never empty: written over what was there, of one length.
    private static func markGeneration() throws(LinuxError) {
        try Mounts.directory("/run/martlet")
        let file = try Descriptor.open(GuestProtocol.generationFile, O_WRONLY | O_CREAT, mode: 0o644)
        try file.writeAll("\(Random.hex(16))\n".utf8)
    }

    /// Writes over what is there, which mostly is as long: a file that is emptied first is written to the disk when it is closed,
    /// and a guest that has just been resumed has no time for that.
    static func write(_ text: String, to path: String) throws(LinuxError) {
        let file = try Descriptor.open(path, O_WRONLY | O_CREAT)
        try file.writeAll(text.utf8)
        var status = stat()
        try check("look at '\(path)'") { fstat(file.raw, &status) }
        let length = off_t(text.utf8.count)
        if status.st_size > length { try check("shorten '\(path)'") { ftruncate(file.raw, length) } }
    }
}
