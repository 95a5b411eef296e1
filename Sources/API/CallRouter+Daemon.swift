import RPC
import Synchronization
import Wire

extension CallRouter {
    mutating func addDaemonCalls(_ daemon: ControlServer.Daemon, requests: ShutDownRequests) {
        on(GetDaemon.self) { _, _ in await daemon.describe() }
        on(ShutDown.self) { request, _ in
            requests.add(keepsSandboxes: request.keepSandboxes)
            return Empty()
        }
    }
}

/// A wish to stop that waits until its answer has left: a daemon that stops at once would cut the very connection.
final class ShutDownRequests: Sendable {
    private let keepsSandboxes = Mutex<Bool?>(nil)

    func add(keepsSandboxes keeps: Bool) {
        keepsSandboxes.withLock { $0 = keeps }
    }

    func take() -> Bool? {
        keepsSandboxes.withLock { wish in
            defer { wish = nil }
            return wish
        }
    }
}
