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

    /// - Parameter origin: what it was resumed from; nil when it was booted.
    func machine(_ origin: QEMUMachine.Origin?) async throws -> QEMUMachine {
        QEMUMachine(self, try await forward(), origin)
    }

    /// Writes pages that are the guest's own into the memory of a QEMU that waits for its state. It must come first: devices
    /// compare their state with what is in memory when they load it.
    func takeMemory(_ pages: any MemoryPages) async throws {
        let (pid, path) = (handle.identity.pid, "\(directory)/\(MachineFiles.memory)")
        try await BlockingPool.run {
            let memory: ProcessMemory
            do {
                memory = try ProcessMemory(of: pid, mapping: path)
            } catch {
                throw MachineError(.gone, "QEMU ended before it had its memory", cause: error)
            }
            try pages.forEachBlock { runs, bytes in
                do {
                    try memory.write(runs, from: bytes)
                } catch {
                    throw MachineError(.startFailed, "The machine's memory could not be filled", cause: error)
                }
            }
        }
    }

    /// Connections that may wait for the forward; QEMU has one wait, and loses others for seconds or for good.
    private static let backlog: Int32 = 1024

    /// The way to the guest's agent.
    struct Forward: Sendable {
        /// On this host's loopback, of the kernel's choice.
        let port: UInt16
        /// Whether many connections may wait there. Where the kernel does not let us see to it, as some containers' does not,
        /// they have to come one by one.
        let hasLongQueue: Bool
    }

    /// Finds the forward, and makes it ready for many connections at once.
    func forward() async throws -> Forward {
        let answer = try await qmp.execute("human-monitor-command", ["command-line": "info usernet"])
        // One line per socket: protocol and state, descriptor, source address, source port, destination address, …
        for line in (answer.string ?? "").split(whereSeparator: \.isNewline) where line.contains("HOST_FORWARD") {
            let fields = line.split(separator: " ")
            guard fields.count > 3, let port = UInt16(fields[3]) else { continue }
            guard let number = Int32(fields[1]) else { return Forward(port: port, hasLongQueue: false) }
            let isLong = (try? handle.setBacklog(Self.backlog, of: number)) != nil
            return Forward(port: port, hasLongQueue: isLong)
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
