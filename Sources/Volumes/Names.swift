import Glibc
import Linux

extension Descriptor {
    /// The names in an open directory, sorted, without `.` and `..`; each as the kernel has it, with its terminating zero, since
    /// it need not be UTF-8. Blocks.
    func names() throws(LinuxError) -> [[CChar]] {
        let number = try check("read a directory") { openat(raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard let stream = fdopendir(number) else {
            defer { Glibc.close(number) }
            throw LinuxError("read a directory")
        }
        defer { closedir(stream) }
        var names: [[CChar]] = []
        while let entry = readdir(stream) {
            // By address: the record is only as long as its name, so the field must not be copied whole.
            guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { continue }
            let text = (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self)
            let name = Array(UnsafeBufferPointer(start: text, count: strlen(text) + 1))
            if name != [0x2E, 0], name != [0x2E, 0x2E, 0] { names.append(name) }
        }
        return names.sorted { one, other in
            one.lexicographicallyPrecedes(other) { UInt8(bitPattern: $0) < UInt8(bitPattern: $1) }
        }
    }
}
