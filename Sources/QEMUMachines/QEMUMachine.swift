import Linux
import Machines
import Synchronization
import Wire

/// A QEMU that runs a guest.
///
/// *Concurrency.* What starts or stops the machine, or changes its disk, is done by one task at a time, which holds `steering`;
/// `state` changes under its own lock, by that task alone.
final class QEMUMachine: Machine {
    /// What a machine was resumed from.
    struct Origin: Sendable {
        let identity: MachineIdentity
        let files: MachineFiles
        var disk: DiskChain
    }

    struct State {
        /// Nil for a machine that was booted.
        var origin: Origin?
        var isStanding = false
    }

    let process: QEMUProcess
    let agentAddress: SocketAddress
    let takesManyConnections: Bool
    let steering = AsyncLock()
    let state: Mutex<State>

    init(_ process: QEMUProcess, _ forward: QEMUProcess.Forward, _ origin: Origin?) {
        self.process = process
        agentAddress = .loopback(forward.port)
        takesManyConnections = forward.hasLongQueue
        state = Mutex(State(origin: origin))
    }

    var directory: String { process.directory }
    var processID: Int32 { process.handle.identity.pid }
    var ended: Latch<Void> { process.handle.ended }

    func consoleTail() -> String {
        QEMUEngine.tail(of: "\(directory)/\(QEMUCommandLine.console)", 4096)
    }

    func pause() async throws {
        try await steering.withLock { [self] in
            try await process.qmp.execute("stop")
            state.withLock { $0.isStanding = true }
        }
    }

    func unpause() async throws {
        try await steering.withLock { [self] in
            try await process.qmp.execute("cont")
            state.withLock { $0.isStanding = false }
        }
    }

    func save(deviceState: String) async throws {
        try await process.qmp.execute("stop")
        try await process.qmp.execute("migrate-set-capabilities", QEMUProcess.capabilities)
        // QEMU is not allowed to start programs, and this version writes no files itself: it writes to a socket of ours.
        let path = "\(directory)/state.sock"
        let listener = try Listener(.unix(path))
        defer { listener.close() }
        let saved = process.qmp.expectMigration()
        async let bytes = Self.receive(listener)
        try await process.qmp.execute("migrate", ["uri": "unix:state.sock"])
        guard try await withDeadline(.seconds(60), { try await saved.value() }) else {
            let log = QEMUEngine.tail(of: "\(directory)/\(QEMUCommandLine.log)")
            throw MachineError(.commandFailed, "QEMU could not save the machine's state: \(log)")
        }
        try Files.write(try await bytes, to: deviceState)
    }

    private static func receive(_ listener: Listener) async throws -> [UInt8] {
        let connection = try await listener.accept()
        var all: [UInt8] = []
        while true {
            let bytes = try await connection.read()
            if bytes.isEmpty { return all }
            all += bytes
        }
    }

    func destroy() async {
        await process.destroy()
    }
}
