import GuestLink
import HTTP
import Linux
import RPC
import Synchronization
import TLS
import Wire

/// The open connections of one sandbox. They belong to it alone: none is ever used for another.
final class SandboxTraffic: Sendable {
    /// Nothing listens on the port, or what listens speaks no TLS where it should.
    struct PortClosed: Error {}

    private struct Line: Hashable {
        let port: UInt16
        let isSecure: Bool
    }

    private struct State {
        var open = 0
        var clients: [Line: HTTPClient] = [:]
        var isEnded = false
    }

    private let link: GuestLink
    private let limits: RouterLimits
    private let state = Mutex(State())

    init(_ link: GuestLink, _ limits: RouterLimits) {
        self.link = link
        self.limits = limits
    }

    /// Counts a request in; false when there are too many. Each that was counted in must ``leave()``.
    func enter() -> Bool {
        state.withLock { state in
            guard state.open < limits.connections else { return false }
            state.open += 1
            return true
        }
    }

    func leave() {
        state.withLock { $0.open -= 1 }
    }

    /// The client of what listens on a port of the guest.
    func client(of port: UInt16, isSecure: Bool) -> HTTPClient {
        state.withLock { state in
            let line = Line(port: port, isSecure: isSecure)
            if let known = state.clients[line] { return known }
            // Of ports beyond any honest number, no connection is kept.
            let isKept = state.clients.count < limits.ports && !state.isEnded
            let turn = AsyncSemaphore(limits.connecting)
            let client = HTTPClient(limits: limits.guest, idleLimit: isKept ? 8 : 0) { [link, limits] in
                try await turn.withPermit { try await Self.connect(link, line, limits.connectTime) }
            }
            if isKept { state.clients[line] = client }
            return client
        }
    }

    private static func connect(_ link: GuestLink, _ line: Line, _ limit: Duration) async throws -> any ByteStream {
        do {
            return try await withDeadline(limit) {
                let stream = try await link.connect(port: line.port)
                guard line.isSecure else { return stream }
                // By address, so without a name: the server has a certificate of its own making, if it has several at all.
                return try await TLSStream.connect(over: stream, to: "127.0.0.1", trust: .unchecked())
            }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw PortClosed()
        }
    }

    /// Closes what is kept, for good.
    func end() {
        let clients = state.withLock { state in
            defer { state.clients = [:] }
            state.isEnded = true
            return Array(state.clients.values)
        }
        for client in clients { client.closeIdle() }
    }
}
