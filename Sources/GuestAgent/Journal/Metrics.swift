import FoundationEssentials
import Glibc
import Linux
import Synchronization
import Wire

/// What the guest uses of its machine, as `GET /metrics` tells it.
struct Metrics: Encodable, Sendable {
    var ts: Int
    var cpuCount: Int
    var cpuUsedPct: Double
    var memTotal: Int64
    var memUsed: Int64
    var memCache: Int64
    var memTotalMib: Int64
    var memUsedMib: Int64
    var diskUsed: Int64
    var diskTotal: Int64

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

extension Metrics {
    init(_ sample: MetricSample) {
        self.init(
            ts: Int(sample.time.timeIntervalSince1970),
            cpuCount: sample.processors,
            cpuUsedPct: sample.processorPercent,
            memTotal: sample.memoryTotal,
            memUsed: sample.memoryUsed,
            memCache: sample.memoryCached,
            memTotalMib: sample.memoryTotal >> 20,
            memUsedMib: sample.memoryUsed >> 20,
            diskUsed: sample.diskUsed,
            diskTotal: sample.diskTotal
        )
    }
}

/// Measures the guest.
final class Meter: Sendable {
    private struct Ticks {
        var busy: UInt64 = 0
        var total: UInt64 = 0

        /// The part that was busy since `earlier`, nil when no time has passed.
        func share(since earlier: Ticks) -> Double? {
            guard total > earlier.total else { return nil }
            return Double(busy - min(earlier.busy, busy)) / Double(total - earlier.total)
        }
    }

    /// The processors at the last sample, and their busy part then.
    private let last = Mutex<(ticks: Ticks, share: Double)>((Ticks(), 0))

    /// What a measurement is for.
    enum Occasion {
        /// The first sample: the processors' use is counted from here, and none is told.
        case first
        /// A sample: the use since the one before is told, and counted anew from here.
        case sample
        /// A look in between: the use since the last sample is told.
        case look
    }

    /// Reads the kernel's files. Blocks.
    func measure(_ occasion: Occasion) -> MetricSample {
        let now = Self.ticks(Accounts.text(of: "/proc/stat"))
        let share = last.withLock { last in
            let share = now.share(since: last.ticks) ?? last.share
            switch occasion {
            case .first: last = (now, 0)
            case .sample: last = (now, share)
            case .look: return share
            }
            return last.share
        }
        let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        let memory = Self.memory(Accounts.text(of: "/proc/meminfo"))
        let total = memory["MemTotal"] ?? 0
        var disk = statvfs()
        statvfs("/", &disk)
        return MetricSample(
            time: Date(),
            processors: processors,
            processorPercent: (share * Double(processors) * 10_000).rounded() / 100,
            memoryUsed: total - min(memory["MemAvailable"] ?? 0, total),
            memoryTotal: total,
            memoryCached: memory["Cached"] ?? 0,
            diskUsed: Int64(disk.f_blocks - disk.f_bfree) * Int64(disk.f_frsize),
            diskTotal: Int64(disk.f_blocks) * Int64(disk.f_frsize)
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

    private static func memory(_ text: String) -> [String: Int64] {
        var found: [String: Int64] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split { $0 == ":" || $0 == " " }
            if parts.count >= 2, let kilobytes = Int64(parts[1]) { found[String(parts[0])] = kilobytes << 10 }
        }
        return found
    }
}
