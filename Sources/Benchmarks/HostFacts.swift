import Glibc
import Linux
import Wire

/// The machine that was measured on: numbers mean nothing without it.
struct HostFacts: Sendable {
    let processor: String
    let cores: Int
    let memoryMiB: Int
    let kernel: String
    let engine: String
    let accelerator: String
    let version: String
    /// Processes that wanted a core, on average over the minute before the start: other people's work, mostly.
    let loadBefore: String
    var loadAfter = ""

    init(_ daemon: GetDaemon.Response) {
        let text = Proc.text("/proc/cpuinfo")
        let model = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        processor = model?.split(separator: ":").last.map { String($0.drop { $0 == " " }) } ?? "unknown processor"
        cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        memoryMiB = (Proc.kibibytes("/proc/meminfo", "MemTotal:") ?? 0) / 1024
        kernel = Proc.text("/proc/sys/kernel/osrelease").filter { !$0.isWhitespace }
        engine = daemon.engine
        accelerator = daemon.accelerator
        version = daemon.version
        loadBefore = Proc.load
    }

    var text: String {
        """
        Martlet \(version) on \(processor), \(cores) cores, \(memoryMiB) MiB, Linux \(kernel)
        \(engine), \(accelerator.uppercased()); load before \(loadBefore), after \(loadAfter)

        """
    }

    var json: JSONValue {
        [
            "processor": .string(processor), "cores": .integer(Int64(cores)), "memoryMiB": .integer(Int64(memoryMiB)),
            "kernel": .string(kernel), "engine": .string(engine), "accelerator": .string(accelerator),
            "version": .string(version), "loadBefore": .string(loadBefore), "loadAfter": .string(loadAfter),
        ]
    }
}

/// What Linux tells about itself and its processes.
enum Proc {
    static func text(_ path: String) -> String {
        (try? Files.read(path)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// The number behind a name, as `/proc/meminfo` and its kind write it.
    static func kibibytes(_ path: String, _ name: String) -> Int? {
        kibibytes(in: text(path), name)
    }

    static func kibibytes(in text: String, _ name: String) -> Int? {
        text.split(separator: "\n").first { $0.hasPrefix(name) }?.split(separator: " ").dropFirst().first.flatMap {
            Int($0)
        }
    }

    /// Memory of a process that nobody shares, in MiB.
    static func privateMemory(_ pid: Int32) -> Double? {
        kibibytes("/proc/\(pid)/smaps_rollup", "Private_Dirty:").map { Double($0) / 1024 }
    }

    static func residentMemory(_ pid: Int32) -> Double? {
        kibibytes("/proc/\(pid)/smaps_rollup", "Rss:").map { Double($0) / 1024 }
    }

    /// The most memory that a process has held since ``forgetPeak(_:)``, in MiB.
    static func peakMemory(_ pid: Int32) -> Double? {
        kibibytes("/proc/\(pid)/status", "VmHWM:").map { Double($0) / 1024 }
    }

    static func forgetPeak(_ pid: Int32) {
        let file = try? Descriptor.open("/proc/\(pid)/clear_refs", O_WRONLY)
        try? file?.writeAll(Array("5".utf8))
    }

    static var load: String { text("/proc/loadavg").split(separator: " ").first.map(String.init) ?? "unknown" }
}
