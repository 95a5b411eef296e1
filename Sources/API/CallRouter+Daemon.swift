import RPC
import Wire

extension CallRouter {
    mutating func addDaemonCalls(_ daemon: ControlServer.Daemon) {
        on(GetDaemon.self) { _, _ in daemon.describe() }
        on(ShutDown.self) { request, _ in
            daemon.shutDown(request.keepSandboxes)
            return Empty()
        }
    }
}
