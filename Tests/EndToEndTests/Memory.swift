import Glibc
import Linux
import Records
import Snapshots
import Testing

/// The memory of a machine, as the host sees it.
enum Memory {
    static func holds(_ text: String, _ pid: Int32) throws -> Bool {
        let wanted = Array(text.utf8)
        let maps = String(decoding: try Files.read("/proc/\(pid)/maps"), as: UTF8.self)
        let file = open("/proc/\(pid)/mem", O_RDONLY | O_CLOEXEC)
        try #require(file >= 0)
        defer { close(file) }
        let size = 8 * 1024 * 1024
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)
        defer { buffer.deallocate() }
        for line in maps.split(separator: "\n") {
            let words = line.split(separator: " ")
            let ends = words[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard ends.count == 2, words[1].hasPrefix("r"), ends[0] < UInt64(Int64.max) else { continue }
            var start = ends[0]
            while start < ends[1] {
                // Overlapping, so that nothing is cut in two.
                let count = pread(file, buffer, Int(min(UInt64(size), ends[1] - start)), Int(start))
                if count <= 0 { break }
                if holds(wanted, UnsafeRawBufferPointer(start: buffer, count: count)) { return true }
                if count < size { break }
                start += UInt64(count - wanted.count)
            }
        }
        return false
    }

    static func holds(_ wanted: [UInt8], _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard var start = bytes.baseAddress else { return false }
        let end = start + bytes.count - wanted.count
        while start <= end, let found = memchr(start, Int32(wanted[0]), end - start + 1) {
            if memcmp(found, wanted, wanted.count) == 0 { return true }
            start = UnsafeRawPointer(found) + 1
        }
        return false
    }
}

/// What is saved of a sandbox that rests, with its pages as they were in its memory.
enum SavedFiles {
    /// Which of the texts stand in some file of it.
    static func found(_ texts: [String], of id: String, in home: Home) throws -> Set<String> {
        let store = SnapshotStore(home)
        let saved = try #require(store.ids().filter { $0.hasPrefix("\(id).") }.last)
        let folder = "\(home.snapshots)/saved/\(saved)"
        var found: Set<String> = []
        func look(_ bytes: UnsafeRawBufferPointer) {
            for text in texts where !found.contains(text) && Memory.holds(Array(text.utf8), bytes) {
                found.insert(text)
            }
        }
        for name in Files.list(folder) {
            if name.hasPrefix("pages") { try PageFile("\(folder)/\(name)").forEachBlock { look($1) } }
            let bytes = try Files.read("\(folder)/\(name)")
            bytes.withUnsafeBytes { look($0) }
        }
        return found
    }

    static func compress(of id: String, in home: Home) async throws {
        let store = SnapshotStore(home)
        for saved in store.ids() where saved.hasPrefix("\(id).") { try await store.compress(saved) }
    }
}
