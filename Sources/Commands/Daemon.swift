// The daemon's composition: what it is made of, in the order in which one thing needs the other.

import API
import Access
import E2B
import Egress
import FoundationEssentials
import Freestyle
import Gateway
import Glibc
import HTTP
import Linux
import Machines
import QEMUMachines
import Records
import Runs
import Sandboxes
import Secrets
import Synchronization
import Templates
import Volumes
import Wire

/// How a daemon is started.
struct DaemonOptions: Sendable {
    var home: Home
    /// Where clients with a key connect, on 127.0.0.1; 0 lets the kernel choose.
    var port: UInt16
    /// Whether another command started it: then it takes another port when its own is in use, and ends when it is idle.
    var isBackground: Bool
    /// How many machines wait per template.
    var poolSize: PoolSize
    /// How many sandboxes each owner of a key may have at once; nil is without limit.
    var sandboxesPerOwner: Int?
    /// Nil: found out by trying.
    var accelerator: Accelerator?
    /// What sandboxes may reach of which nobody says it.
    var egress = EgressPolicy.closed
    /// What the steps of templates may reach of which nobody says it; nil is what sandboxes may.
    var buildEgress: EgressPolicy?
    /// Below which sandboxes have host names.
    var domain = DaemonDomain.standard
    /// Nil serves no TLS.
    var tls: TLSOptions?
    /// Dollars, and tokens, that all models together may cost on each day of UTC.
    var maxCostPerDay: Double?
    var maxTokensPerDay: Int?
}

/// A daemon that could not start.
struct DaemonError: Error, Sendable, CustomStringConvertible {
    let message: String
    var description: String { message }
}

/// What the daemon writes about itself for local clients: `daemon.json`. Written at its start, deleted at its end.
struct DaemonFile: Codable, Sendable {
    var url: String
    var processID: Int32
    var version: String
    /// Below which sandboxes have host names, as clients name it; nil without TLS.
    var domain: String?
    /// The authority that clients must trust for that, unless they do.
    var certificateFile: String?
}

enum Daemon {
    /// How long an auto-started daemon stays with nothing to do.
    static let idleLimit = Duration.seconds(15 * 60)

    /// Serves until it is told to stop, by a call or by a signal.
    ///
    /// - Parameters:
    ///   - signal: set to the signal that ends it.
    ///   - greet: called once it listens.
    static func serve(
        _ options: DaemonOptions,
        endedBy signal: Latch<Int32>,
        greet: (Greeting) async -> Void
    ) async throws {
        let home = options.home
        try Files.makeDirectory(home.path)
        chmod(home.path, 0o700)
        guard let lock = try Files.lock(home.lock) else {
            throw DaemonError(
                message: "A daemon runs already with MARTLET_HOME '\(home.path)'; 'martlet status' tells about it"
            )
        }
        defer { lock.close() }
        // What may be refused comes first: nothing was touched then.
        let listener = try listen(options.port, "--port", options)
        let door = try options.tls.map { tls in
            try SecureDoor(tls, domain: options.domain, home: home, listener: listen(tls.port, "--tls-port", options))
        }
        Descriptor.raiseLimit()
        let engine = try await QEMUEngine.detect(accelerator: options.accelerator, memory: home.probe)
        let database = try await Database(path: home.database, migrations: Migration.all)
        let volumes = try await VolumeStore(database, path: home.volumes, keyFile: home.volumeKey)
        let keys = try await APIKeys(database)
        let isFirstStart = !Files.exists(home.apiKey)
        let key = try await keys.installationKey(inFile: home.apiKey)
        let secrets = SecretVault(database, key: try SecretKey.load(home.secretKey))
        let upstream = try ModelUpstream.fromEnvironment {
            try? await secrets.open(SecretVault.modelKey, owner: Owner.installation.rawValue)
        }
        let outside = try PlayedInternet.outside ?? .internet
        if PlayedInternet.isSet { log("sandboxes reach a played internet, and no other") }
        let sandboxes = SandboxRegistry(
            engine: engine,
            home: home,
            database: database,
            poolSize: options.poolSize,
            limitPerOwner: options.sandboxesPerOwner,
            network: SandboxNetworks.Settings(policy: options.egress, outside: outside) { owner, name in
                try await secrets.open(name, owner: owner.rawValue)
            },
            log: log
        )
        let gateway = GuestGateway(
            upstream: upstream,
            prices: try prices(home),
            records: UsageRecords(database)
        )
        try await gateway.limitDays(maxCost: options.maxCostPerDay, maxTokens: options.maxTokensPerDay)
        for key in keys.list(of: nil) where !key.budget.isUnlimited {
            try await gateway.limit(key: key.id, to: key.budget)
        }
        let runs = RunRegistry(
            sandboxes: sandboxes,
            volumes: volumes,
            gateway: gateway,
            database: database,
            home: home,
            hasCredential: { await upstream.isUsable }
        )
        sandboxes.carryVolumes { sandbox, opening, stream in
            await volumes.serve(opening.volume, to: sandbox.id, granted: sandbox.record.volumes, on: stream)
        }
        let recovered = try await sandboxes.recover()
        // What was made with a key that is gone has nobody who pays for it.
        let known = Set(keys.list(of: nil).map(\.id))
        for key in Set(sandboxes.list().compactMap(\.record.keyID)).subtracting(known) { gateway.close(key: key) }
        let interrupted = try await runs.recover()
        if recovered.found + recovered.lost.count + interrupted > 0 {
            log(
                "found \(recovered.found) sandboxes again, lost \(recovered.lost.count); \(interrupted) runs had been cut off"
            )
        }

        let templates = TemplateBuilder(
            engine: engine,
            home: home,
            templates: sandboxes.templates,
            guestBinary: try GuestProgramFile.locate()
        )
        let builds = TemplateBuilds(
            engine: engine,
            home: home,
            database: database,
            templates: sandboxes.templates,
            builder: templates,
            networks: BuildNetworks(policy: options.buildEgress ?? options.egress, outside: outside),
            changed: { previous in await sandboxes.templateChanged(from: previous) }
        )
        try await builds.recover()
        await builds.pruneOld()
        let stop = Latch<Bool>()
        let url = "http://\(listener.address)"
        let server = ControlServer(
            sandboxes: sandboxes,
            runs: runs,
            volumes: volumes,
            templates: templates,
            builds: builds,
            keys: keys,
            gateway: gateway,
            secrets: secrets,
            e2b: E2BServer(
                sandboxes: sandboxes,
                keys: keys,
                volumes: volumes,
                builds: builds,
                secrets: secrets,
                database: database,
                domain: door?.domain
            ),
            freestyle: try await FreestyleServer(sandboxes: sandboxes, database: database, domain: door?.domain),
            daemon: ControlServer.Daemon(
                describe: {
                    await GetDaemon.Response(
                        version: Version.current,
                        processID: getpid(),
                        url: url,
                        engine: engine.identity.build,
                        accelerator: engine.identity.accelerator.rawValue,
                        modelURL: upstream.baseURL,
                        hasCredential: upstream.isUsable,
                        sandboxes: sandboxes.list().count { $0.condition == .running },
                        runs: runs.runningCount,
                        waiting: sandboxes.waitingMachines,
                        starting: sandboxes.startingMachines,
                        domain: door?.domain,
                        certificateFile: door?.certificateFile
                    )
                },
                shutDown: { stop.set($0) }
            ),
            domain: options.domain
        )
        unlink(home.socket)
        let local = try Listener(.unix(home.socket))
        let file = DaemonFile(
            url: url,
            processID: getpid(),
            version: Version.current,
            domain: door?.domain,
            certificateFile: door?.certificateFile
        )
        try Files.write(JSONValue(encoding: file).encoded(pretty: true), to: home.daemonFile)
        defer {
            unlink(home.socket)
            unlink(home.daemonFile)
        }
        log("listening on \(url) and \(home.socket); \(engine.identity.build), \(engine.identity.accelerator.rawValue)")
        if let door { log("listening with TLS on \(door.listener.address) for *.\(door.domain)") }
        sandboxes.fillPools()
        await greet(
            key.exposed { key in
                let variables = ClientVariables(url: url, key: key, way: .plain)
                return Greeting(isFirst: isFirstStart, key: key, variables: variables)
            }
        )

        let keepsSandboxes = try await withThrowingTaskGroup(of: Bool?.self) { group in
            group.addTask {
                try await server.run(on: local, trust: .everyone); return nil
            }
            group.addTask {
                try await server.run(on: listener, trust: .keys(keys)); return nil
            }
            if let door {
                group.addTask {
                    try await server.run(on: door.listener, trust: .keys(keys), through: door.secure); return nil
                }
                group.addTask {
                    try await door.renew(log); return nil
                }
            }
            group.addTask {
                try await sandboxes.compressIdle(); return nil
            }
            group.addTask { try await stop.value() }
            // SIGTERM, as a service manager sends for a restart, leaves sandboxes running for the next daemon to find; a person
            // at the terminal ends them.
            group.addTask { try await signal.value() == SIGTERM }
            if options.isBackground { group.addTask { try await awaitIdleness(server, sandboxes, runs) } }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        log("stopping")
        await builds.close()
        await runs.close()
        await sandboxes.close(keepingSandboxes: keepsSandboxes ?? false)
        await database.close()
    }

    private static func listen(_ port: UInt16, _ option: String, _ options: DaemonOptions) throws -> Listener {
        do throws(LinuxError) {
            return try Listener(.loopback(port))
        } catch {
            guard error.code == .addressInUse else { throw error }
            // Somebody only wants to run an agent; what else listens on the usual port is not in the way.
            if options.isBackground { return try Listener(.loopback(0)) }
            throw DaemonError(message: "Port \(port) of 127.0.0.1 is in use; choose another with \(option)")
        }
    }

    private static func prices(_ home: Home) throws -> PriceTable {
        guard Files.exists(home.prices) else { return .standard }
        return PriceTable.standard.replaced(by: try PriceTable(parsing: Files.read(home.prices)))
    }

    private static func awaitIdleness(
        _ server: ControlServer,
        _ sandboxes: SandboxRegistry,
        _ runs: RunRegistry
    ) async throws -> Bool {
        while true {
            try await Task.sleep(for: .seconds(20))
            let isIdle = server.idleTime > idleLimit && runs.runningCount == 0
            // Sandboxes that rest are there for the next daemon as well.
            if isIdle, sandboxes.list().allSatisfy({ $0.condition == .paused }) { return false }
        }
    }

    @Sendable
    private static func log(_ text: String) {
        let time = Date().formatted(.iso8601)
        FileDescriptor.standardError.write("\(time) \(text)\n")
    }
}

/// Standard error, for words that nobody waits for.
private struct FileDescriptor {
    static let standardError = FileDescriptor()

    func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
