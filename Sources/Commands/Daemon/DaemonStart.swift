import Glibc
import Linux
import Records
import Wire

/// Starts a daemon that outlives this command.
///
/// `start.lock` is held meanwhile, so that of several commands at once one starts it and the others find it.
struct DaemonStart {
    let surroundings: Surroundings

    private static let limit = Duration.seconds(30)

    private var home: Home { surroundings.home }

    func run() async throws -> DaemonConnection {
        try Files.makeDirectory(home.path)
        let path = "\(home.path)/start.lock"
        let lock: Descriptor
        do {
            lock = try await retrying(every: .milliseconds(20), for: Self.limit) { try Files.lock(path) }
        } catch is DeadlineExceeded {
            throw CommandsError(
                .daemonNotStarted,
                "Another command has been starting the daemon for \(Self.limit.components.seconds) seconds; see '\(home.log)'"
            )
        }
        defer { lock.close() }
        if let running = try await DaemonConnection(ifRunningAt: .local(home)) { return running }
        return try await start()
    }

    private enum First {
        case answered(DaemonConnection)
        case ended(Linux.ExitStatus)
    }

    private func start() async throws -> DaemonConnection {
        let logged = Files.size(home.log) ?? 0
        let child = try spawn()
        let home = home
        let first: First
        do {
            first = try await withThrowingTaskGroup(of: First.self) { group in
                group.addTask {
                    let connection = try await retrying(every: .milliseconds(20), for: Self.limit) {
                        try await DaemonConnection(ifRunningAt: .local(home))
                    }
                    return .answered(connection)
                }
                group.addTask { .ended(try await child.exit.value()) }
                defer { group.cancelAll() }
                guard let first = try await group.next() else { throw CancellationError() }
                return first
            }
        } catch {
            // One that did not get ready must not be left half started, be it late or no longer wanted.
            child.send(SIGTERM)
            guard error is DeadlineExceeded else { throw error }
            throw Self.failure("did not answer within \(Self.limit.components.seconds) seconds", home, since: logged)
        }
        switch first {
        case .answered(var connection):
            connection.wasStarted = true
            return connection
        case .ended(let status):
            throw Self.failure("ended at once with status \(status.shellStatus)", home, since: logged)
        }
    }

    private func spawn() throws -> ChildProcess {
        let log = try Descriptor.open(home.log, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        var spawn = Spawn(
            path: "/proc/self/exe",
            arguments: ["martlet", "serve", "--background"],
            environment: Self.environment(surroundings),
            input: try Descriptor.null(),
            output: log,
            error: log
        )
        spawn.directory = home.path
        spawn.startsSession = true
        return try ChildProcess.start(spawn)
    }

    /// What the daemon inherits: what finds tools and the way out, Martlet's own variables and those of the model.
    static func environment(_ surroundings: Surroundings) -> [String: String] {
        var environment = Program.plainEnvironment()
        for (name, value) in surroundings.environment
        where name.hasPrefix("ANTHROPIC_") || name.hasPrefix("MARTLET_") && !name.hasPrefix("MARTLET_API_") {
            environment[name] = value
        }
        environment["MARTLET_HOME"] = surroundings.home.path
        return environment
    }

    static func failure(_ what: String, _ home: Home, since logged: Int64) -> CommandsError {
        let all = (try? Files.read(home.log)) ?? []
        let lines = String(decoding: all.dropFirst(Int(logged)), as: UTF8.self).split(separator: "\n").suffix(5)
        let said = lines.isEmpty ? "it said nothing" : "it said: \(lines.joined(separator: " | "))"
        if let free = Files.freeSpace(home.path), free < 1 << 20 {
            return CommandsError(
                .daemonNotStarted,
                "The daemon \(what), and there is no space left on the disk of '\(home.path)'; free some, or set MARTLET_HOME "
                    + "to a larger disk"
            )
        }
        return CommandsError(
            .daemonNotStarted,
            "The daemon \(what); \(said). See '\(home.log)' and 'martlet doctor'"
        )
    }
}
