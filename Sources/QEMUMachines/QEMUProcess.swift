import Glibc
import Linux
import Machines
import Wire

/// One QEMU process with its monitor: what boot, restore and adoption have in common.
struct QEMUProcess: Sendable {
    let handle: ProcessHandle
    let qmp: QMPConnection
    let directory: String

    init(_ handle: ProcessHandle, _ qmp: QMPConnection, _ directory: String) {
        self.handle = handle
        self.qmp = qmp
        self.directory = directory
    }

    /// RAM stays in its file; the end of a migration is told instead of asked for.
    static let capabilities: JSONValue = [
        "capabilities": [
            ["capability": "x-ignore-shared", "state": true],
            ["capability": "events", "state": true],
        ]
    ]

    func machine() async throws -> QEMUMachine {
        QEMUMachine(self, port: try await forwardedPort())
    }

    /// The port that the kernel chose for the forward to the guest's agent.
    func forwardedPort() async throws -> UInt16 {
        let answer = try await qmp.execute("human-monitor-command", ["command-line": "info usernet"])
        // One line per socket: protocol and state, descriptor, source address, source port, destination address, …
        for line in (answer.string ?? "").split(whereSeparator: \.isNewline) where line.contains("HOST_FORWARD") {
            let fields = line.split(separator: " ")
            if fields.count > 3, let port = UInt16(fields[3]) { return port }
        }
        throw MachineError(.startFailed, "QEMU does not say which port leads to the guest: \(answer.string ?? "")")
    }

    func destroy() async {
        handle.send(SIGKILL)
        // A killed process ends even when nobody waits for it: a cancelled wait changes nothing.
        try? await handle.ended.value()
        try? Files.remove(directory)
    }
}

/// A QEMU that waits in `-incoming` for its device state.
final class QEMUPreparedMachine: PreparedMachine {
    private let process: QEMUProcess
    private let port: UInt16

    init(_ process: QEMUProcess, port: UInt16) {
        self.process = process
        self.port = port
    }

    var directory: String { process.directory }
    var ended: Latch<Void> { process.handle.ended }

    func resume() async throws -> any Machine {
        let loaded = process.qmp.expectMigration()
        try await process.qmp.execute("migrate-incoming", ["uri": "fd:0"])
        guard try await withDeadline(.seconds(20), { try await loaded.value() }) else {
            let log = QEMUEngine.tail(of: "\(directory)/\(QEMUCommandLine.log)")
            throw MachineError(.incompatible, "QEMU could not load the saved state: \(log)")
        }
        try await process.qmp.execute("cont")
        return QEMUMachine(process, port: port)
    }

    func discard() async {
        await process.destroy()
    }
}

/// A QEMU that runs a guest.
final class QEMUMachine: Machine {
    private let process: QEMUProcess
    let agentAddress: SocketAddress

    init(_ process: QEMUProcess, port: UInt16) {
        self.process = process
        agentAddress = .loopback(port)
    }

    var directory: String { process.directory }
    var processID: Int32 { process.handle.identity.pid }
    var ended: Latch<Void> { process.handle.ended }

    func consoleTail() -> String {
        QEMUEngine.tail(of: "\(directory)/\(QEMUCommandLine.console)", 4096)
    }

    func pause() async throws {
        try await process.qmp.execute("stop")
    }

    func unpause() async throws {
        try await process.qmp.execute("cont")
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
