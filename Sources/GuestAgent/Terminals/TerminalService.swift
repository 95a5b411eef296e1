// Terminals for people: sessions that outlive their sockets, with any number of clients at each.
//
//     GET /terminals                  the list; as a WebSocket, a new session, or the one that has the slug
//     GET /terminals/SESSION          as a WebSocket: one that is there
//     DELETE /terminals/SESSION       its end
//
// A session is a process like any other that was started with a terminal: E2B's calls reach it by its pid, or by its slug as tag.

import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import WebSockets
import Wire

struct TerminalService: Sendable {
    let processes: Processes
    let requester: Requesters
    let visits: Visits
    /// Two clients that ask for one slug at once get one session.
    private let opening = AsyncLock()

    init(processes: Processes, requester: Requesters, visits: Visits) {
        self.processes = processes
        self.requester = requester
        self.visits = visits
    }

    /// Answers a request about terminals; false, and nothing done, for every other.
    func route(_ exchange: Exchange) async throws -> Bool {
        let request = exchange.request
        let parts = request.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard parts.first == GuestProtocol.terminalsPath.dropFirst(), parts.count <= 2 else { return false }
        let session = parts.count == 2 ? PercentEncoding.decode(String(parts[2])) : nil
        guard parts.count == 1 || session?.isEmpty == false else { return false }
        let user = request.query["username"]
        switch (request.method, session) {
        case ("GET", _) where request.headers["Upgrade"] != nil:
            try await open(exchange, try TerminalOpening(request, session: session))
        case ("GET", nil):
            let known = processes.terminals.filter { user == nil || $0.user == user }
            try await exchange.respond(json: TerminalList(sessions: known.map(info)))
        case ("GET", let session?):
            try await exchange.respond(json: info(try find(session, of: user)))
        case ("DELETE", let session?):
            let process = try find(session, of: user)
            await Self.end(process)
            try await exchange.respond(json: info(process))
        default: return false
        }
        return true
    }

    /// Hangs up, as a terminal does that is closed; what takes no notice is killed.
    private static func end(_ process: GuestProcess) async {
        process.succession?.end()
        guard process.isRunning else { return }
        await process.signal(SIGHUP)
        let hasEnded: Void? = try? await withDeadline(.seconds(2)) { _ = try await process.ending.value() }
        guard hasEnded == nil else { return }
        await process.signal(SIGKILL)
        _ = try? await withDeadline(.seconds(2)) { _ = try await process.ending.value() }
    }

    // MARK: Opening

    private func open(_ exchange: Exchange, _ opening: TerminalOpening) async throws {
        let (process, reader, isNew) = try await process(for: opening)
        defer { reader.close() }
        if !isNew, let size = opening.size, process.isRunning { try process.input.resize(size) }
        var limits = WebSocketLimits()
        limits.message = 1024 * 1024
        // The token is a secret that no page's browser sends by itself.
        let socket = try await WebSocket.accept(exchange, origins: .any, limits: limits)
        let visit = TerminalVisit(socket: socket) { [processes] in
            guard process.succession != nil else { return process }
            return processes.terminals.last { $0.session == process.session } ?? process
        }
        do {
            try await socket.send(
                json: TerminalMessage.sessionInfo(process.session, slug: process.tag, created: isNew)
            )
            try await visits.run(at: process.session, socket) {
                try await visit.tell(reader)
            } hearing: {
                try await visit.hear()
            }
            await socket.close()
        } catch {
            await socket.close(WebSocket.code(error), "\(error)")
        }
    }

    private func process(
        for opening: TerminalOpening
    ) async throws -> (process: GuestProcess, reader: any OutputReader, isNew: Bool) {
        if let session = opening.session {
            let process = try find(session, of: opening.user)
            return (process, process.output.lateReader(), false)
        }
        let place = try await requester.place(named: opening.user)
        return try await self.opening.withLock { [self] in
            if let slug = opening.slug,
                let known = processes.terminals.first(where: { $0.goesOn && $0.tag == slug })
            {
                guard opening.user == nil || known.user == place.account.name else {
                    throw CallError(.alreadyExists, "The slug '\(slug)' is another user's")
                }
                return (known, known.output.lateReader(), false)
            }
            let config = opening.config(for: place.account)
            let setting = Processes.Setting(
                account: place.account,
                switchesUser: requester.users.areSwitched,
                variables: place.surroundings.variables,
                directory: try place.directory(config.cwd),
                limit: nil
            )
            let request = StartProcess.Request(
                process: config,
                pty: TerminalRequest(size: opening.size),
                tag: opening.slug
            )
            let isKept = opening.replaceOnExit ?? false
            let (process, reader) =
                try await isKept ? processes.startKept(request, setting) : processes.start(request, setting)
            return (process, reader, true)
        }
    }

    // MARK: Finding

    private func find(_ session: String, of user: String?) throws(CallError) -> GuestProcess {
        let known = processes.terminals.filter { user == nil || $0.user == user }
        // Slugs are used again; the newest is meant.
        let found =
            UInt32(session).map { pid in known.first { $0.session == pid } }
            ?? (known.last { $0.tag == session && $0.goesOn } ?? known.last { $0.tag == session })
        guard let found else { throw CallError(.notFound, "There is no terminal session '\(session)'") }
        return found
    }

    private func info(_ process: GuestProcess) -> TerminalInfo {
        let ending = process.goesOn ? nil : process.ending.current
        return TerminalInfo(
            sessionId: process.session,
            slug: process.tag,
            state: ending == nil ? .running : .exited,
            createdUnix: process.created,
            size: process.input.size,
            exitCode: ending.map(\.code),
            linuxUser: process.user,
            command: [process.config.cmd] + (process.config.args ?? []),
            clients: visits.count(at: process.session)
        )
    }
}

extension GuestProcess.Ending {
    /// The status as a shell tells it.
    var code: Int32 {
        switch self {
        case .status(.exited(let code), _): code
        case .status(.signalled(let signal), _): 128 + signal
        case .overtime: 128 + SIGKILL
        }
    }
}

extension TerminalOpening {
    /// - Parameter session: of the target's path.
    init(_ request: RequestHead, session: String?) throws(CallError) {
        let query = request.query
        var process: ProcessConfig?
        if let text = query["process"] { process = try MessageCoding.decode(ProcessConfig.self, text) }
        func number(_ name: String) throws(CallError) -> UInt32? {
            guard let text = query[name] else { return nil }
            guard let number = UInt32(text), (1...10_000).contains(number) else {
                throw CallError(.invalidArgument, "'\(name)' must be a number from 1 to 10000")
            }
            return number
        }
        let (columns, rows) = (try number("cols"), try number("rows"))
        let slug = query["slug"].flatMap { $0.isEmpty ? nil : $0 }
        if let slug, UInt64(slug) != nil || slug.utf8.count > 128 || slug.contains("/") {
            throw CallError(.invalidArgument, "A slug has at most 128 bytes, no '/', and is no number")
        }
        self.init(
            session: session,
            slug: slug,
            user: query["username"].flatMap { $0.isEmpty ? nil : $0 },
            process: process,
            replaceOnExit: query["replaceOnExit"] == "true" ? true : nil,
            line: query["exec"].flatMap { $0.isEmpty ? nil : $0 },
            size: columns == nil && rows == nil ? nil : TerminalSize(cols: columns ?? 80, rows: rows ?? 24)
        )
    }

    /// What a new session runs.
    fileprivate func config(for account: Account) -> ProcessConfig {
        if let process { return process }
        if let line { return ProcessConfig(cmd: account.shell, args: ["-l", "-c", line]) }
        return ProcessConfig(cmd: account.shell, args: ["-i", "-l"])
    }
}
