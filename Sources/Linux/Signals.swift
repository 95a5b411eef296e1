import CLinux
import Glibc

/// Signals as values, read from a descriptor instead of running a handler.
package final class Signals: Sendable {
    private let channel: Channel

    /// Blocks `signals` for this thread and all it starts. Call it first thing in a program, before other threads exist.
    package static func block(_ signals: [Int32]) {
        var set = Self.set(signals)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Receives `signals`, which must be blocked in every thread.
    package init(_ signals: [Int32]) throws(LinuxError) {
        var set = Self.set(signals)
        let descriptor = try check("receive signals") { signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK)) }
        channel = try Channel(Descriptor(owning: descriptor))
    }

    /// Waits for the next signal.
    package func next() async throws -> Int32 {
        let bytes = try await channel.read(upTo: MemoryLayout<signalfd_siginfo>.size)
        return bytes.withUnsafeBytes { Int32($0.loadUnaligned(as: UInt32.self)) }
    }

    private static func set(_ signals: [Int32]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        return set
    }
}
