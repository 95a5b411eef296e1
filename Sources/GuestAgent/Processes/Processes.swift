import CLinux
import Glibc
import Linux
import Synchronization
import Wire

/// The processes that were started through the agent.
final class Processes: Sendable {
    /// What a start needs besides the request.
    struct Setting: Sendable {
        var account: Account
        /// Whether to become the account's user.
        var switchesUser: Bool
        /// Before the request's own.
        var variables: [String: String]
        var directory: String
        /// The process is killed when it runs longer.
        var limit: Duration?
        /// Whether output is kept until its reader has said that it came.
        var isAcknowledged = false
    }

    /// Ended terminals that are still known.
    private static let endedTerminals = 32

    private let byPID = Mutex<[UInt32: GuestProcess]>([:])
    let groups: ControlGroups?
    private let spoolDirectory: String
    private let journal: Journal
    private let shortages: MemoryShortages

    init(groups: ControlGroups?, spoolDirectory: String, journal: Journal, shortages: MemoryShortages) {
        self.groups = groups
        self.journal = journal
        self.shortages = shortages
        self.spoolDirectory = spoolDirectory
    }

    var running: [GuestProcess] {
        byPID.withLock { $0.values.filter(\.isRunning) }.sorted { $0.pid < $1.pid }
    }

    /// Those that run in a terminal or did until a while ago, oldest first; of each session the last.
    var terminals: [GuestProcess] {
        let all = byPID.withLock { $0.values.filter(\.hasTerminal) }
        let last = Dictionary(all.map { ($0.session, $0) }) { $0.isNewer(than: $1) ? $0 : $1 }
        return last.values.sorted { $1.isNewer(than: $0) }
    }

    /// Whether it may still be asked for.
    func knows(_ process: GuestProcess) -> Bool {
        byPID.withLock { $0[process.pid] === process }
    }

    /// Finds a process that runs: one that has ended takes neither signals nor input.
    func findRunning(_ selector: ProcessSelector) throws(CallError) -> GuestProcess {
        let process = try find(selector)
        guard process.isRunning else { throw CallError(.notFound, "process with pid \(process.pid) not found") }
        return process
    }

    /// Finds a process that runs, or has ended not long ago.
    func find(_ selector: ProcessSelector) throws(CallError) -> GuestProcess {
        if let pid = selector.pid {
            guard let process = byPID.withLock({ $0[pid] }) else {
                throw CallError(.notFound, "process with pid \(pid) not found")
            }
            return process
        }
        guard let tag = selector.tag else { throw CallError(.invalidArgument, "A process is named by its pid or tag") }
        let named = byPID.withLock { $0.values.filter { $0.tag == tag } }
        guard let process = named.first(where: \.isRunning) ?? named.first else {
            throw CallError(.notFound, "process with tag \(tag) not found")
        }
        return process
    }

    /// Starts a process, with a reader that misses nothing.
    func start(
        _ request: StartProcess.Request,
        _ setting: Setting,
        in succession: Succession? = nil
    ) async throws -> (process: GuestProcess, reader: any OutputReader) {
        let process = try await BlockingPool.run { [self] in try launch(request, setting, succession) }
        let reader = process.output.reader()
        byPID.withLock { $0[process.pid] = process }
        // The task's owner is this registry: it ends when the process is forgotten.
        Task(executorPreference: EventLoop.shared) { [self] in
            await process.live(limit: setting.limit)
            try? await BlockingPool.run { [groups] in groups?.sweep() }
            forgetOldTerminals()
            await Self.keep(process)
            byPID.withLock { if $0[process.pid] === process { $0[process.pid] = nil } }
        }
        return (process, reader)
    }

    /// Starts a process in a terminal, and another in its place whenever one has ended.
    func startKept(
        _ request: StartProcess.Request,
        _ setting: Setting
    ) async throws -> (process: GuestProcess, reader: any OutputReader) {
        let succession = Succession(try output(request, setting))
        let (first, reader) = try await start(request, setting, in: succession)
        // The task's owner is the succession: it ends when that is over.
        Task(executorPreference: EventLoop.shared) { [self] in
            await succession.keep(first) { size in
                var request = request
                request.pty = TerminalRequest(size: size)
                let (next, reader) = try await start(request, setting, in: succession)
                // Who looks has a reader already.
                reader.close()
                return next
            }
        }
        return (first, reader)
    }

    /// Waits as long as somebody may still ask how a process ended: what is spooled stays until it was read, for a while.
    private static func keep(_ process: GuestProcess) async {
        if process.isOutputKept {
            try? await withDeadline(.seconds(900)) { try await process.isTold.value() }
        }
        try? await Task.sleep(for: process.hasTerminal ? .seconds(600) : .seconds(30))
    }

    /// Each that has ended holds on to what it has shown.
    private func forgetOldTerminals() {
        let ended = terminals.filter { !$0.goesOn }
        byPID.withLock { known in
            for process in ended.dropLast(Self.endedTerminals) { known[process.pid] = nil }
        }
    }

    /// Kills everything; for an agent that stops while its machine goes on.
    func killAll() async {
        endSuccessions()
        for process in running { await process.signal(SIGKILL) }
    }

    /// Whether something runs that goes on when the guest is released.
    var hasServices: Bool { running.contains(where: \.isService) }

    /// Kills what belongs to the guest's owner, and lets services go on.
    func killOwned() async {
        endSuccessions()
        for process in running where !process.isService { await process.signal(SIGKILL) }
    }

    private func endSuccessions() {
        for succession in byPID.withLock({ $0.values.compactMap(\.succession) }) { succession.end() }
    }

    /// Kills what belongs to the guest's owner, and all that is left of processes that have ended.
    func halt() async {
        await killOwned()
        let kept = Set(running.filter(\.isService).compactMap(\.groupPath))
        try? await BlockingPool.run { [groups] in groups?.killAll(except: kept) }
    }

    // MARK: Starting

    private func launch(
        _ request: StartProcess.Request,
        _ setting: Setting,
        _ succession: Succession?
    ) throws -> GuestProcess {
        let environment = Self.environment(request, setting)
        let config = request.process
        let directory = try Self.directory(config.cwd, setting)
        let path = try Self.executable(config.cmd, environment["PATH"], in: directory)
        let output = try succession?.output ?? output(request, setting)
        let plumbing =
            try request.pty.map { try Plumbing.terminal($0.size, for: setting) }
            ?? Plumbing.pipes(request, for: setting)
        let group = try groups?.make()
        defer { if let group { groups?.settle(group) } }
        var spawn = Spawn(
            path: path,
            arguments: [config.cmd] + (config.args ?? []),
            environment: environment,
            input: plumbing.child.input,
            output: plumbing.child.output,
            error: plumbing.child.error
        )
        spawn.directory = directory
        spawn.startsSession = true
        spawn.takesTerminal = request.pty != nil
        spawn.cgroup = try group?.entrance()
        if setting.switchesUser {
            let account = setting.account
            spawn.user = Spawn.User(uid: account.uid, gid: account.gid, groups: account.groups)
        }
        let child: ChildProcess
        do {
            child = try ChildProcess.start(spawn)
        } catch let error as SpawnError {
            throw CallError(error.code == .denied ? .permissionDenied : .invalidArgument, error.message)
        }
        plumbing.child.close()
        succession?.begin(UInt32(child.pid))
        return GuestProcess(
            request,
            user: setting.account.name,
            child: child,
            group: group,
            outlets: plumbing.outlets,
            input: plumbing.input,
            output: output,
            succession: succession,
            journal: ProcessJournal(journal, pid: UInt32(child.pid), config),
            shortages: shortages
        )
    }

    private func output(_ request: StartProcess.Request, _ setting: Setting) throws -> any OutputStore {
        if request.spool ?? false { return try SpooledOutput(directory: spoolDirectory) }
        if setting.isAcknowledged { return AcknowledgedOutput() }
        return LiveOutput(scrollback: request.pty == nil ? 0 : Self.scrollback)
    }

    /// Of each terminal, at least, in bytes.
    private static let scrollback = 256 * 1024

    /// Where the process starts; who asked for no place gets one that is there, for not every user has a home.
    private static func directory(_ requested: String?, _ setting: Setting) throws(CallError) -> String {
        var status = stat()
        if stat(setting.directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return setting.directory }
        guard let requested, !requested.isEmpty else { return "/" }
        throw CallError(.invalidArgument, "cwd '\(requested)' does not exist")
    }

    private static func environment(_ request: StartProcess.Request, _ setting: Setting) -> [String: String] {
        var environment = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": setting.account.home,
            "USER": setting.account.name,
            "LOGNAME": setting.account.name,
            "SHELL": setting.account.shell,
            "E2B_SANDBOX": "true",
        ]
        if request.pty != nil { environment["TERM"] = "xterm-256color" }
        environment.merge(setting.variables) { $1 }
        environment.merge(request.process.envs ?? [:]) { $1 }
        return environment
    }

    private static func executable(_ name: String, _ path: String?, in directory: String) throws(CallError) -> String {
        if name.contains("/") { return name.hasPrefix("/") ? name : "\(directory)/\(name)" }
        for place in (path ?? "").split(separator: ":") {
            var status = stat()
            let candidate = "\(place)/\(name)"
            if stat(candidate, &status) == 0, status.st_mode & S_IFMT == S_IFREG, access(candidate, X_OK) == 0 {
                return candidate
            }
        }
        throw CallError(.invalidArgument, "The program '\(name)' is not in the PATH '\(path ?? "")'")
    }
}
