import Glibc

/// What processes have used of the processors.
package enum ProcessorTime {
    /// Of all threads of a process, in it and in the kernel for it; nil when there is no such process.
    package static func seconds(of pid: Int32) -> Double? {
        guard let bytes = try? Files.read("/proc/\(pid)/stat") else { return nil }
        // The name in parentheses may itself have spaces and parentheses: count from the last one.
        let stat = String(decoding: bytes, as: UTF8.self)
        guard let close = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: close)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
