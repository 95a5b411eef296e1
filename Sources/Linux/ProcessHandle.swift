import CLinux
import Glibc

/// A process that may not be our child: found again by its number and the time it started.
package final class ProcessHandle: Sendable {
    /// What tells a process from a later one with the same number.
    package struct Identity: Codable, Sendable, Hashable {
        package let pid: Int32
        /// Clock ticks between the machine's boot and the process's start: field 22 of /proc/PID/stat.
        package let startTicks: UInt64

        /// Identifies a running process; nil when there is none with this number.
        package init?(pid: Int32) {
            // The name in parentheses may itself have spaces and parentheses: count from the last one.
            guard let text = ProcessHandle.read("/proc/\(pid)/stat"), let close = text.lastIndex(of: ")") else {
                return nil
            }
            let fields = text[text.index(after: close)...].split(separator: " ")
            guard fields.count > 19, let ticks = UInt64(fields[19]) else { return nil }
            self.pid = pid
            startTicks = ticks
        }
    }

    package let identity: Identity
    /// Set when the process has ended.
    package let ended = Latch<Void>()
    private let pidfd: Descriptor
    private let token: UInt64
    /// Held here: the loop itself holds its sources weakly.
    private let watch: Watch

    /// Takes hold of a running process; nil when it has ended or its number is another's now.
    package init?(_ identity: Identity) {
        let raw = clinux_open_pidfd(identity.pid)
        guard raw >= 0 else { return nil }
        pidfd = Descriptor(owning: raw)
        // Looked at again now that the descriptor pins the process.
        guard Identity(pid: identity.pid) == identity else { return nil }
        self.identity = identity
        watch = Watch(ended)
        guard let token = try? EventLoop.shared.add(watch, for: pidfd, EPOLLIN.rawValue) else { return nil }
        self.token = token
    }

    package func send(_ signal: Int32) {
        _ = clinux_signal_pidfd(pidfd.raw, signal)
    }

    /// Lets a socket on which the process listens hold more connections that it has not accepted yet.
    ///
    /// - Parameter number: of the process's descriptor.
    package func setBacklog(_ backlog: Int32, of number: Int32) throws(LinuxError) {
        let socket = clinux_borrow_descriptor(pidfd.raw, number)
        try check("borrow descriptor \(number) of process \(identity.pid)") { socket }
        let borrowed = Descriptor(owning: socket)
        try check("listen for process \(identity.pid)") { listen(borrowed.raw, backlog) }
    }

    deinit {
        EventLoop.shared.remove(token, from: pidfd)
    }

    /// The numbers of all processes.
    package static func all() -> [Int32] {
        Files.list("/proc").compactMap { Int32($0) }
    }

    private static func read(_ path: String) -> String? {
        (try? Files.read(path)).map { String(decoding: $0, as: UTF8.self) }
    }

    private final class Watch: EventSource {
        private let ended: Latch<Void>
        init(_ ended: Latch<Void>) { self.ended = ended }
        func ready(_ mask: UInt32) { ended.set(()) }
    }
}
