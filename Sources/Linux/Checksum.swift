import CLinux
import Glibc

/// CRC-32C: tells damage, not malice.
package struct Checksum: Sendable, Hashable {
    package private(set) var value: UInt32 = 0

    package init() {}

    package init(of bytes: UnsafeRawBufferPointer) {
        add(bytes)
    }

    package mutating func add(_ bytes: UnsafeRawBufferPointer) {
        value = clinux_crc32c(value, bytes.baseAddress, bytes.count)
    }

    /// The checksum of a whole file. Blocks.
    package init(ofFile path: String) throws(LinuxError) {
        let file = try Descriptor.open(path, O_RDONLY)
        while true {
            let bytes = try file.read(upTo: 1 << 20)
            if bytes.isEmpty { return }
            bytes.withUnsafeBytes { add($0) }
        }
    }
}
