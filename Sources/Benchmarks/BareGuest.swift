import FoundationEssentials
import GuestLink
import Linux
import Machines
import QEMUMachines
import Records
import Sandboxes
import Wire

/// A machine resumed from the template by this process itself: a sandbox without the daemon.
struct BareGuest: Sendable {
    let machine: any Machine
    let link: GuestLink

    /// Starts QEMU, resumes the template and gives the guest an identity.
    static func start(_ engine: QEMUEngine, _ template: Template, in directory: String) async throws -> BareGuest {
        let machine = try await engine.prepare(template.saved, in: directory).resume()
        do {
            let identity = GuestIdentity(
                accessToken: Random.hex(32),
                timeNanoseconds: 1_700_000_000_000_000_000,
                entropy: .init(Random.bytes(64)),
                hostname: "bench",
                machineID: Random.hex(16),
                envVars: template.manifest.environment,
                defaultUser: template.manifest.user
            )
            let line = GuestLine(to: machine.agentAddress, takesMany: machine.takesManyConnections)
            return BareGuest(
                machine: machine,
                link: try await line.initialize(identity, bootstrap: template.bootstrap)
            )
        } catch {
            await machine.destroy()
            throw error
        }
    }
}
