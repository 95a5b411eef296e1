import FoundationEssentials
import GuestLink
import Linux
import Machines
import Records
import Sandboxes

/// Makes of a template with Claude Code the same one with Claude Code started and waiting.
///
///     template ─► resume ─► identity ─► agent started, rehearsed ─► release: it stands still ─► saved ─► beside the template
struct AgentBuild {
    let engine: any MachineEngine
    let home: Home
    let templates: TemplateStore

    /// How long all of it may take in the guest: ten seconds on an idle machine without KVM.
    private static let limit = Duration.seconds(180)

    /// Nothing is left of it when it throws.
    func run(_ template: Template) async throws {
        let id = TemplateStore.newAgentBuild(of: template.manifest.buildID)
        let building = templates.buildingDirectory(id)
        try Files.makeDirectory(home.machines)
        let machine = try await StepMachine(
            resuming: template.saved,
            of: template,
            by: engine,
            in: "\(home.machines)/b\(Random.name(12))"
        )
        do {
            let guest = machine.guest
            try await withDeadline(Self.limit) { try await WaitingAgent.start(in: guest, user: template.manifest.user) }
            try await machine.release()
            guard let founding = machine.machine as? any FoundingMachine else {
                throw TemplateError(.toolFailed, "This engine's machines can not become templates")
            }
            try await TemplateWriter(directory: building).write(founding.found().saved, bootstrap: template.bootstrap)
            try await LayerStore.putOnDisk(building)
            var manifest = template.manifest
            manifest.buildID = id
            manifest.created = Date()
            manifest.agent = WaitingAgent.recipe
            try templates.publish(agent: manifest, of: template.manifest.buildID)
        } catch {
            await machine.destroy()
            try? Files.remove(building)
            throw error
        }
        await machine.destroy()
    }
}
