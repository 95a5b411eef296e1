import FoundationEssentials
import HTTP
import Linux
import RPC
import Wire

/// What an agent is told when it is made.
package struct AgentSettings: Sendable {
    /// Recognises the secret that gives the guest its first identity; without it nobody ever can.
    package var bootstrap: SecretHash?
    package var users: Users
    /// Whether an identity sets the clock, the randomness and the names of this machine.
    package var ownsMachine: Bool
    /// Where control groups may be made; nil where there is no cgroup2 file system.
    package var controlGroups: String?
    /// Where output is spooled.
    package var spoolDirectory: String
    /// Where units say how they are; where output is spooled, if nothing is said.
    package var noticeDirectory: String?
    /// How long a program's connection waits for the host.
    package var tunnelPatience = Duration.seconds(10)

    package init(
        bootstrap: SecretHash?,
        users: Users,
        ownsMachine: Bool,
        controlGroups: String?,
        spoolDirectory: String
    ) {
        self.bootstrap = bootstrap
        self.users = users
        self.ownsMachine = ownsMachine
        self.controlGroups = controlGroups
        self.spoolDirectory = spoolDirectory
    }
}

/// The guest's agent: all it answers, on one port.
///
///     GET /health          anyone
///     POST /init           the bootstrap secret, once; then the current token
///     everything else      the current token
package final class Agent: Sendable {
    private let settings: AgentSettings
    private let authority: Authority
    private let processes: Processes
    private let hold: Hold
    private let connections = OpenConnections()
    private let tunnels: Tunnels
    private let ports = Ports()
    private let watchers = Watchers()
    private let journal: Journal
    private let samples: Samples
    private let shortages: MemoryShortages
    private let download: Download
    private let upload: Upload
    private let composition: Composition
    private let placement: Placement
    private let archives: Archives
    private let terminals: TerminalService
    private let execs: ExecService
    private let supervisor: Supervisor
    private let visits = Visits()
    private let router: CallRouter

    package init(_ settings: AgentSettings) throws {
        self.settings = settings
        authority = Authority(bootstrap: settings.bootstrap)
        let journal = Journal()
        let samples = Samples()
        let shortages = MemoryShortages(log: settings.ownsMachine ? "/dev/kmsg" : nil, journal: journal)
        self.journal = journal
        self.shortages = shortages
        self.samples = samples
        processes = Processes(
            groups: try settings.controlGroups.map { path throws(LinuxError) in try ControlGroups(path) },
            spoolDirectory: settings.spoolDirectory,
            journal: journal,
            shortages: shortages
        )
        hold = Hold(processes.groups)
        tunnels = Tunnels(patience: settings.tunnelPatience)
        let requester = Requesters(users: settings.users, authority: authority)
        download = Download(requester: requester)
        upload = Upload(requester: requester)
        composition = Composition(requester: requester)
        placement = Placement(requester: requester)
        archives = Archives(requester: requester)
        terminals = TerminalService(processes: processes, requester: requester, visits: visits)
        execs = ExecService(processes: processes, requester: requester, visits: visits)
        supervisor = Supervisor(
            UnitLauncher(
                processes: processes,
                requester: requester,
                noticeDirectory: settings.noticeDirectory ?? settings.spoolDirectory
            )
        )
        var router = CallRouter()
        ProcessService(processes: processes, requester: requester).register(in: &router)
        FilesystemService(requester: requester, watchers: watchers).register(in: &router)
        UnitService(supervisor: supervisor, processes: processes).register(in: &router)
        VolumeService(tunnels: tunnels, users: settings.users, authority: authority).register(in: &router)
        router.on(ReadJournal.self) { request, _ in
            ReadJournal.Response(entries: journal.read(after: request.after, limit: request.limit))
        }
        router.on(ReadMetrics.self) { _, _ in
            ReadMetrics.Response(samples: try await BlockingPool.run { samples.all() })
        }
        self.router = router
    }

    /// How many connections from the host wait to be used.
    package var parkedTunnels: Int { tunnels.parkedCount }

    /// Serves until the task is cancelled.
    ///
    /// - Parameters:
    ///   - listener: where the host asks.
    ///   - ways: where programs of the guest find the way out.
    package func run(on listener: Listener, _ ways: WaysOut) async throws {
        let server = HTTPServer(connections: connections) { [self] exchange in
            do {
                try await answer(exchange)
            } catch let error as CallError {
                throw HTTPError(Self.status(error), error.message)
            }
        }
        try await withThrowingTaskGroup { group in
            group.addTask { try await server.run(on: listener) }
            group.addTask { [tunnels] in try await ways.run(tunnels) }
            group.addTask { [shortages] in try await shortages.run() }
            group.addTask { [samples, authority] in try await samples.run { authority.isOpen } }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Kills all processes that were started through the agent; for one that stops while its machine goes on.
    package func killAll() async {
        await supervisor.removeAll()
        await processes.killAll()
    }

    private func answer(_ exchange: Exchange) async throws {
        let request = exchange.request
        if request.path == "/health", request.method == "GET" { return try await exchange.respond(204) }
        if request.path == "/init", request.method == "POST" { return try await identify(exchange) }
        try authority.admit(request.headers)
        if try await router.route(exchange) { return }
        if try await terminals.route(exchange) { return }
        switch (request.method, request.path) {
        case ("GET", "/files"): try await download.answer(exchange)
        case ("POST", "/files"): try await Self.hearingOut(exchange, upload.answer)
        case ("POST", "/files/compose"): try await composition.answer(exchange)
        case ("GET", "/metrics"):
            let sample = try await BlockingPool.run { [samples] in samples.measure() }
            try await exchange.respond(json: Metrics(sample))
        case ("GET", "/envs"): try await exchange.respond(json: authority.surroundings.variables)
        case ("GET", GuestProtocol.execPath): try await execs.answer(exchange)
        case ("POST", GuestProtocol.placePath): try await placement.answer(exchange)
        case ("POST", GuestProtocol.unpackPath): try await Self.hearingOut(exchange, archives.unpack)
        case ("GET", GuestProtocol.packPath): try await archives.pack(exchange)
        case ("POST", GuestProtocol.tunnelPath): try await tunnels.park(exchange)
        case ("POST", GuestProtocol.connectPath): try await ports.connect(exchange)
        case ("POST", GuestProtocol.holdPath): try await hold.answer(exchange)
        case ("DELETE", GuestProtocol.holdPath):
            try await hold.end()
            try await exchange.respond(204)
        case ("POST", GuestProtocol.releasePath): try await release(exchange)
        default: throw HTTPError(404, "There is no '\(request.method) \(request.path)' in this guest")
        }
    }

    /// Makes the guest what it is from now on, and forgets whose it was.
    private func identify(_ exchange: Exchange) async throws {
        let headers = exchange.request.headers
        try authority.admitIdentity(headers)
        let body = try await exchange.body.collect(limit: 1024 * 1024)
        let identity: GuestIdentity
        do {
            identity = try GuestIdentity(parsing: body)
        } catch {
            throw HTTPError(400, "The body is not a guest's identity: \(error)")
        }
        guard !identity.accessToken.isEmpty, identity.entropy.count >= 32 else {
            throw HTTPError(400, "An identity has an access token and at least 32 bytes of entropy")
        }
        if settings.ownsMachine { try await BlockingPool.run { try MachineIdentity.apply(identity) } }
        try authority.take(identity, headers)
        dropConnections()
        // The host of before is not at their other ends any more, which nothing would tell.
        let forsaken = identity.renewal == nil ? [] : connections.others(than: exchange)
        if identity.renewal != .resume {
            journal.empty()
            watchers.removeAll()
            samples.empty()
        }
        try await hold.end()
        try await exchange.respond(204)
        // Whoever waits for the guest need not wait for this.
        for line in forsaken { line.close() }
    }

    /// Ends what the guest does for its owner, and forgets whose it was. The services of its template stand still until it is
    /// somebody's again: what is saved now runs nothing before it has randomness and the time of its own.
    private func release(_ exchange: Exchange) async throws {
        await supervisor.removeAll()
        await processes.killOwned()
        try await hold.end()
        if processes.hasServices { try await hold.begin() }
        authority.release()
        dropConnections()
        watchers.removeAll()
        journal.changeOwner()
        samples.empty()
        try await exchange.respond(204)
    }

    private func dropConnections() {
        tunnels.dropAll()
        ports.dropAll()
        visits.endAll()
    }

    /// Reads a body to its end also where it is refused: many clients send all of it before they look for the answer, and
    /// would find a broken connection in its place.
    private static func hearingOut(
        _ exchange: Exchange,
        _ answer: (Exchange) async throws -> Void
    ) async throws {
        do {
            try await answer(exchange)
        } catch {
            let waitsForPermission = exchange.request.headers["Expect"] != nil
            while !waitsForPermission, try await !exchange.body.read().isEmpty {}
            throw error
        }
    }

    /// The status of a plain answer: as for calls, but a full disk has one of its own.
    private static func status(_ error: CallError) -> Int {
        error.code == .resourceExhausted ? 507 : error.httpStatus
    }
}
