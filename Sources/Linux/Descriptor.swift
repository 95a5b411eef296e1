import CLinux
import Glibc
import Synchronization

/// An open file descriptor with one owner; closed when the owner says so or is gone.
package final class Descriptor: Sendable {
    private let number: Atomic<Int32>

    /// Takes over `number`.
    package init(owning number: Int32) {
        self.number = Atomic(number)
    }

    deinit {
        close()
    }

    /// The number to hand to a system call; -1 once closed.
    package var raw: Int32 { number.load(ordering: .acquiring) }

    package func close() {
        let open = number.exchange(-1, ordering: .acquiringAndReleasing)
        if open >= 0 { _ = Glibc.close(open) }
    }

    /// Opens a file. `flags` are those of open(2); `O_CLOEXEC` is added.
    package static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o644) throws(LinuxError) -> Descriptor {
        Descriptor(owning: try check("open '\(path)'") { Glibc.open(path, flags | O_CLOEXEC, mode) })
    }

    /// Makes a pipe.
    package static func pipe() throws(LinuxError) -> (reading: Descriptor, writing: Descriptor) {
        var ends: [Int32] = [-1, -1]
        try check("make a pipe") { clinux_pipe(&ends) }
        return (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
    }

    /// Opens `/dev/null` both ways.
    package static func null() throws(LinuxError) -> Descriptor {
        try open("/dev/null", O_RDWR)
    }

    /// Makes a file in `directory` that has no name, and so leaves nothing behind.
    package static func unlinkedFile(in directory: String) throws(LinuxError) -> Descriptor {
        Descriptor(
            owning: try check("make a file in '\(directory)'") { clinux_unlinked_file(directory) }
        )
    }

    /// Writes all bytes to a file; not for pipes or sockets that may block.
    package func writeAll(_ bytes: some Collection<UInt8>) throws(LinuxError) {
        let bytes = Array(bytes)
        var done = 0
        while done < bytes.count {
            let start = done
            done += try check("write \(bytes.count - start) bytes") {
                bytes.withUnsafeBytes { Glibc.write(raw, $0.baseAddress.map { $0 + start }, bytes.count - start) }
            }
        }
    }

    /// Reads up to `count` bytes; an empty array is the end.
    package func read(upTo count: Int) throws(LinuxError) -> [UInt8] {
        var failure: LinuxError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(LinuxError) {
                filled = try check("read") { Glibc.read(raw, buffer.baseAddress, count) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Lets this process have as many descriptors as the system lets it.
    package static func raiseLimit() {
        clinux_raise_open_files()
    }
}
