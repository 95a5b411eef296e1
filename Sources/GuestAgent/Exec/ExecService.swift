// Programs whose three streams a client has over a WebSocket, exactly: `Wire/Process/ExecMessages.swift` draws what is said.

import FoundationEssentials
import Glibc
import HTTP
import Linux
import Synchronization
import WebSockets
import Wire

/// `GET /exec`.
final class ExecService: Sendable {
    private let processes: Processes
    private let requester: Requesters
    private let visits: Visits
    private let byID = Mutex<[String: ExecSession]>([:])
    /// Two sockets that ask for one id at once get one program.
    private let opening = AsyncLock()

    init(processes: Processes, requester: Requesters, visits: Visits) {
        self.processes = processes
        self.requester = requester
        self.visits = visits
    }

    func answer(_ exchange: Exchange) async throws {
        let user = try exchange.request.query["username"] ?? Users.name(exchange.request.headers)
        var limits = WebSocketLimits()
        limits.message = ExecCount.window
        // The token is a secret that no page's browser sends by itself.
        let socket = try await WebSocket.accept(exchange, origins: .any, limits: limits)
        do {
            let request = try await withDeadline(.seconds(30)) { try await Self.firstRequest(socket) }
            let (session, isNew) = try await session(request, user)
            let reader = try session.output.reader(from: request.received)
            try await session.visit { [visits] displaced in
                try await ExecVisit(session: session, socket: socket, displaced: displaced)
                    .run(reader, isNew: isNew, request, visits)
            }
        } catch {
            let told = error as? CallError ?? CallError(.unavailable, "\(error)")
            if !(error is WebSocketError) { try? await socket.send(json: ExecEvent(error: told)) }
            await socket.close(WebSocket.code(error), "\(error)")
        }
    }

    private static func firstRequest(_ socket: WebSocket) async throws -> ExecRequest.Open {
        guard case .text(let text) = try await socket.receive(),
            let request = try MessageCoding.decode(ExecRequest.self, text).open, request.received >= 0,
            !request.id.isEmpty, request.id.utf8.count <= 128
        else { throw CallError(.invalidArgument, "The first message is 'open', with an id of at most 128 bytes") }
        return request
    }

    /// The program of that id; it is started if there is none.
    private func session(_ request: ExecRequest.Open, _ user: String?) async throws -> (ExecSession, isNew: Bool) {
        try await opening.withLock { [self] in
            let known = byID.withLock { sessions in
                sessions = sessions.filter { processes.knows($0.value.process) }
                return sessions[request.id]
            }
            if let known { return (known, false) }
            guard let config = request.process else {
                throw CallError(.notFound, "There is no program with the id '\(request.id)', or no more")
            }
            let place = try await requester.place(named: user)
            let setting = Processes.Setting(
                account: place.account,
                switchesUser: requester.users.areSwitched,
                variables: place.surroundings.variables,
                directory: try place.directory(config.cwd),
                limit: nil,
                isAcknowledged: true
            )
            let start = StartProcess.Request(
                process: config,
                tag: request.id,
                stdin: request.stdin,
                spool: request.spool
            )
            let (process, _) = try await processes.start(start, setting)
            guard let output = process.output as? any ResumableOutput else {
                preconditionFailure("output that is acknowledged is kept")
            }
            let session = ExecSession(process, output, linger: request.linger)
            byID.withLock { $0[request.id] = session }
            return (session, true)
        }
    }
}
