import GuestLink
import Linux
import Machines
import Sandboxes
import Wire

/// A machine of a build, in which its steps run: resumed from a template, or from what an earlier step made of one.
///
/// Between two steps its guest is nobody's: what is saved then can be resumed by the next build as by this one.
struct StepMachine: Sendable {
    let machine: any Machine
    private let line: GuestLine
    private let foundation: Template
    private(set) var guest: GuestLink
    /// Keeps what the step before made, while the machine goes on.
    private var keeping: Task<Void, any Error>?

    /// How long a guest may take for its identity on a busy host.
    private static let patience = Duration.seconds(60)
    /// How long ends of connections are on their way through the guest's network.
    private static let settling = Duration.milliseconds(60)

    /// - Parameter saved: the foundation itself, or what became of a machine of it.
    init(resuming saved: SavedMachine, of foundation: Template, by engine: any MachineEngine, in directory: String)
        async throws
    {
        self.foundation = foundation
        let prepared = try await engine.prepare(saved, in: directory)
        do {
            machine = try await prepared.resume()
            line = GuestLine(to: machine.agentAddress, takesMany: machine.takesManyConnections)
            guest = try await Self.introduce(line, foundation)
        } catch {
            await Task { await prepared.discard() }.value
            throw error
        }
    }

    private static func introduce(_ line: GuestLine, _ foundation: Template) async throws -> GuestLink {
        let identity = GuestIdentity(
            id: "template",
            token: Secret(Random.hex(32)),
            template: foundation.manifest,
            environment: [:]
        )
        return try await withDeadline(patience) { try await line.initialize(identity, bootstrap: foundation.bootstrap) }
    }

    /// Ends what the step before left running, and has what the machine has become while it is nobody's given to `keep`, while
    /// the machine goes on.
    mutating func between(_ keep: @Sendable @escaping (SavedMachine) async throws -> Void) async throws {
        try await guest.release()
        try await kept()
        let checkpoint = try await machine.checkpoint()
        // Its owner is this machine: `kept` and `destroy` wait for its end.
        keeping = Task { try await keep(checkpoint.saved) }
        guest = try await Self.introduce(line, foundation)
    }

    /// Waits until what the last step made is kept.
    func kept() async throws { try await keeping?.value }

    /// Leaves the guest nobody's, for good, with its files on its disk and its services running.
    func release() async throws {
        if let sync = try? await guest.run(GuestLink.Command("sync", [], user: "root")), sync.status != 0 {
            throw TemplateError(.guestFailed, "The guest could not write its files to its disk: \(sync.errorText)")
        }
        try await guest.release()
        line.close()
        try await EventLoop.shared.sleep(for: Self.settling)
    }

    func destroy() async {
        // What is kept is in the machine's directory until it is written down.
        _ = await keeping?.result
        await Task { await machine.destroy() }.value
    }
}
