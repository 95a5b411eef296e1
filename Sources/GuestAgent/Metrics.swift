import Glibc
import Linux
import Synchronization

/// What the guest uses of its machine, as `GET /metrics` tells it.
struct Metrics: Encodable, Sendable {
    var ts: Int
    var cpuCount: Int
    var cpuUsedPct: Double
    var memTotal: UInt64
    var memUsed: UInt64
    var memCache: UInt64
    var memTotalMib: UInt64
    var memUsedMib: UInt64
    var diskUsed: UInt64
    var diskTotal: UInt64

    private enum CodingKeys: String, CodingKey {
        case ts
        case cpuCount = "cpu_count"
        case cpuUsedPct = "cpu_used_pct"
        case memTotal = "mem_total"
        case memUsed = "mem_used"
        case memCache = "mem_cache"
        case memTotalMib = "mem_total_mib"
        case memUsedMib = "mem_used_mib"
        case diskUsed = "disk_used"
        case diskTotal = "disk_total"
    }
}

/// Measures the guest; the processor's use is that since the last time it was asked.
final class Meter: Sendable {
    private struct Ticks {
        var busy: UInt64 = 0
        var total: UInt64 = 0
    }

    private let last = Mutex(Ticks())

    /// Reads the kernel's files. Blocks.
    func measure() -> Metrics {
        let now = Self.ticks(Accounts.text(of: "/proc/stat"))
        let before = last.withLock { last in
            defer { last = now }
            return last
        }
        let passed = now.total - min(before.total, now.total)
        let used = passed == 0 ? 0 : 100 * Double(now.busy - min(before.busy, now.busy)) / Double(passed)
        let memory = Self.memory(Accounts.text(of: "/proc/meminfo"))
        let total = memory["MemTotal"] ?? 0
        let available = memory["MemAvailable"] ?? 0
        var disk = statvfs()
        statvfs("/", &disk)
        return Metrics(
            ts: time(nil),
            cpuCount: sysconf(Int32(_SC_NPROCESSORS_ONLN)),
            cpuUsedPct: (used * 100).rounded() / 100,
            memTotal: total,
            memUsed: total - min(available, total),
            memCache: memory["Cached"] ?? 0,
            memTotalMib: total >> 20,
            memUsedMib: (total - min(available, total)) >> 20,
            diskUsed: UInt64(disk.f_blocks - disk.f_bfree) * UInt64(disk.f_frsize),
            diskTotal: UInt64(disk.f_blocks) * UInt64(disk.f_frsize)
        )
    }

    private static func ticks(_ text: String) -> Ticks {
        guard let line = text.split(separator: "\n").first, line.hasPrefix("cpu ") else { return Ticks() }
        let numbers = line.split(separator: " ").dropFirst().prefix(8).compactMap { UInt64($0) }
        let total = numbers.reduce(0, +)
        // The fourth and fifth are idle and waiting for the disk.
        let idle = numbers.dropFirst(3).prefix(2).reduce(0, +)
        return Ticks(busy: total - idle, total: total)
    }

    private static func memory(_ text: String) -> [String: UInt64] {
        var found: [String: UInt64] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split { $0 == ":" || $0 == " " }
            if parts.count >= 2, let kilobytes = UInt64(parts[1]) { found[String(parts[0])] = kilobytes << 10 }
        }
        return found
    }
}
