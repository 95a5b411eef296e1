import Linux

/// How much memory this computer has left.
enum HostMemory {
    /// Whether a machine of `bytes` may be started that nobody needs yet: a sixteenth of all must be left,
    /// were it to use all of its own.
    static func hasRoom(for bytes: Int64) -> Bool {
        guard let text = try? Files.read("/proc/meminfo"),
            let (free, all) = parse(String(decoding: text, as: UTF8.self))
        else { return true }
        return hasRoom(for: bytes, free: free, all: all)
    }

    static func hasRoom(for bytes: Int64, free: Int64, all: Int64) -> Bool {
        free - bytes > all / 16
    }

    /// What `/proc/meminfo` says is available, and in all.
    static func parse(_ text: String) -> (free: Int64, all: Int64)? {
        func value(_ name: String) -> Int64? {
            let line = text.split(separator: "\n").first { $0.hasPrefix("\(name):") }
            return line?.split(separator: " ").dropFirst().first.flatMap { Int64($0) }.map { $0 << 10 }
        }
        guard let free = value("MemAvailable"), let all = value("MemTotal") else { return nil }
        return (free, all)
    }
}
