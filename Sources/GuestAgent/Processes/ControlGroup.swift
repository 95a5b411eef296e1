import Glibc
import Linux
import Synchronization

/// The control groups that processes live in, one each, so that all a process has started can be found and killed.
final class ControlGroups: Sendable {
    private let directory: String
    private let next = Atomic<UInt64>(0)
    /// Groups that no process has entered yet: empty, and not to be swept.
    private let awaited = Mutex<Set<String>>([])

    /// - Parameter directory: of a cgroup2 file system; made if missing.
    init(_ directory: String) throws(LinuxError) {
        self.directory = directory
        if mkdir(directory, 0o755) < 0, errno != EEXIST { throw LinuxError("make the control group '\(directory)'") }
        let parent = directory[..<(directory.lastIndex(of: "/") ?? directory.startIndex)]
        // However many programs there are, all together weigh as much as the agent does, which stays within reach.
        // Where these controllers are another's, or the kernel has none, programs are as unbounded as they were.
        try? Self.write("+cpu +pids", to: "\(parent)/cgroup.subtree_control")
        try? Self.write("\(Self.taskLimit)", to: "\(directory)/pids.max")
    }

    /// How many tasks, threads among them, programs may have together. A page of every process is the kernel's own, so that
    /// their number is bounded by memory: one for each MiB stops a fork bomb while there is memory left to work in.
    private static var taskLimit: Int {
        let memory = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)) / (1024 * 1024)
        return max(512, memory)
    }

    private static func write(_ text: String, to path: String) throws(LinuxError) {
        try Descriptor.open(path, O_WRONLY).writeAll(Array(text.utf8))
    }

    /// Makes an empty group, which stays until ``settle(_:)``. Blocks.
    func make() throws(LinuxError) -> ControlGroup {
        sweep()
        let number = next.add(1, ordering: .relaxed).newValue
        let path = "\(directory)/\(number)"
        _ = awaited.withLock { $0.insert(path) }
        try check("make the control group '\(path)'") { mkdir(path, 0o755) }
        return ControlGroup(path: path)
    }

    /// Says that a process has entered a group, or that none will.
    func settle(_ group: ControlGroup) {
        _ = awaited.withLock { $0.remove(group.path) }
    }

    /// Lets everything in all groups stand still, or go on. Blocks until that is so, but not for ever: what is inside the
    /// kernel then stops before it would come out of it.
    func setFrozen(_ isFrozen: Bool) throws(LinuxError) {
        try Self.write(isFrozen ? "1" : "0", to: "\(directory)/cgroup.freeze")
        guard isFrozen else { return }
        for _ in 0..<Self.freezingSteps {
            if Accounts.text(of: "\(directory)/cgroup.events").contains("frozen 1") { return }
            usleep(1000)
        }
    }

    /// In milliseconds.
    private static let freezingSteps = 500

    /// Kills what is in groups, but not what is in those that are named. Blocks.
    func killAll(except kept: Set<String>) {
        for name in (try? Directory.names(directory)) ?? [] where UInt64(name) != nil {
            let path = "\(directory)/\(name)"
            if !kept.contains(path) { ControlGroup(path: path).kill() }
        }
    }

    /// Removes groups that processes have left, and those of daemons that have ended since. Blocks.
    func sweep() {
        for name in (try? Directory.names(directory)) ?? [] where UInt64(name) != nil {
            let path = "\(directory)/\(name)"
            if !awaited.withLock({ $0.contains(path) }) { rmdir(path) }
        }
    }
}

/// One control group.
struct ControlGroup: Sendable {
    let path: String

    /// Opens the file that a child writes itself into.
    func entrance() throws(LinuxError) -> Descriptor {
        try Descriptor.open("\(path)/cgroup.procs", O_WRONLY)
    }

    /// Kills everything in the group, what it forks meanwhile included.
    func kill() {
        guard let file = try? Descriptor.open("\(path)/cgroup.kill", O_WRONLY) else { return }
        try? file.writeAll(Array("1".utf8))
    }

    /// Sends a signal to everything that is in the group now.
    func send(_ signal: Int32) {
        for line in Accounts.text(of: "\(path)/cgroup.procs").split(separator: "\n") {
            if let pid = Int32(line), pid > 1 { _ = Glibc.kill(pid, signal) }
        }
    }
}
