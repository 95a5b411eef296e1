import Glibc
import Linux
import Synchronization

/// Where a unit's programs say how they are, as `sd_notify` does it: a socket whose path is in `NOTIFY_SOCKET`.
final class UnitNotices: Sendable {
    private static let counter = Atomic<UInt64>(0)
    private static let longest = 4096

    let path: String
    /// Set when a program said that it has started.
    let isReady = Latch<Void>()
    private let socket: DatagramSocket
    private let lastSign = Mutex(ContinuousClock.now)

    /// - Parameter directory: where the socket is made; it is made, too, if it is missing.
    init(in directory: String) throws(LinuxError) {
        let number = Self.counter.add(1, ordering: .relaxed).newValue
        path = "\(directory)/notify-\(getpid())-\(number)"
        if mkdir(directory, 0o755) < 0, errno != EEXIST { throw LinuxError("make '\(directory)'") }
        unlink(path)
        socket = try DatagramSocket(.unix(path))
        // A unit's user is not the agent's.
        chmod(path, 0o666)
    }

    /// Hears what is said until the task is cancelled.
    func hear() async {
        while let (message, _) = try? await socket.receive(upTo: Self.longest) {
            for line in String(decoding: message, as: UTF8.self).split(separator: "\n") {
                if line == "READY=1" { isReady.set(()) }
                if line == "READY=1" || line == "WATCHDOG=1" { lastSign.withLock { $0 = .now } }
            }
        }
    }

    /// Returns when there was no sign of life for so long.
    func silence(of limit: Duration) async throws {
        lastSign.withLock { $0 = .now }
        while true {
            let left = limit - (ContinuousClock.now - lastSign.withLock { $0 })
            if left <= .zero { return }
            try await EventLoop.shared.sleep(for: left)
        }
    }

    func close() {
        socket.close()
        unlink(path)
    }
}
