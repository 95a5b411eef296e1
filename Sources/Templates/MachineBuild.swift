import FoundationEssentials
import Glibc
import GuestLink
import Linux
import Machines
import Records
import Sandboxes
import TLS
import Wire

/// Boots a machine from the layers, makes its guest ready, and saves both as a template.
///
///     boot ─► health ─► identity ─► warm up ─► release ─► save ─► files moved and on disk ─► machine gone
///
/// The guest that is saved is nobody's: its token is void, and the bootstrap secret opens it again, once in each machine that
/// is resumed from it. The secret is made here, written into the template's directory, and known to the guest by its hash.
struct MachineBuild {
    let engine: any MachineEngine
    let home: Home
    let templates: TemplateStore
    let order: BuildOrder
    /// The directories of the layers.
    let layers: [Layer: String]
    let buildID: String
    let workshop: any Workshop
    let progress: Progress
    let atStep: @Sendable (BuildStep) async throws -> Void

    /// How long a guest may take until its agent answers: two to three seconds on an idle machine without KVM.
    private static let bootLimit = Duration.seconds(120)
    /// And until it is warm: about twenty seconds there.
    private static let warmUpLimit = Duration.seconds(300)

    /// Leaves the template's files on disk under its building directory, and gives the manifest to publish.
    func run() async throws -> TemplateManifest {
        let building = templates.buildingDirectory(buildID)
        do {
            let secret = Random.hex(32)
            let plan = try await plan(bootstrap: secret)
            let directory = "\(home.machines)/b\(Random.name(12))"
            try await atStep(.boot)
            let machine = try await engine.boot(plan, in: directory)
            let contents: [String: String]
            do {
                contents = try await prepare(machine, bootstrap: Secret(secret))
                try Files.makeDirectory(building)
                try await save(machine, to: building)
            } catch {
                await Task { await machine.destroy() }.value
                throw error
            }
            await Task { await machine.destroy() }.value
            try Files.write(secret.utf8, to: "\(building)/\(TemplateStore.File.bootstrap)")
            try await LayerStore.putOnDisk(building)
            try await atStep(.keep)
            var manifest = TemplateManifest(
                name: order.name,
                buildID: buildID,
                created: Date(),
                identity: engine.identity,
                plan: plan,
                diskMiB: order.recipe.diskMiB,
                environment: order.recipe.environment,
                user: order.recipe.user,
                directory: order.recipe.directory,
                contents: contents
            )
            manifest.layers = layers.values.sorted()
            return manifest
        } catch {
            try? Files.remove(building)
            throw error
        }
    }

    private func plan(bootstrap: String) async throws -> BootPlan {
        func file(_ layer: Layer, _ name: String) -> String { "\(layers[layer] ?? "")/\(name)" }
        let hash = Random.hex(Digest.sha256(bootstrap.utf8))
        var parameters = [order.recipe.kernelParameters]
        if engine.identity.accelerator == .tcg {
            parameters.append(order.recipe.translatedKernelParameters)
            // The kernel measures this clock against a timer, and on a busy host, where the translated processor is now and
            // then not run, it fails to, and then waits for ever for the timer. Under TCG the counter is the host's.
            if let rate = try await ProcessorClock.rate() { parameters.append("tsc_early_khz=\(rate)") }
        }
        parameters.append("martlet.bootstrap=\(hash)")
        return BootPlan(
            shape: MachineShape(processors: order.recipe.processors, memoryMiB: order.recipe.memoryMiB),
            kernel: file(.kernel, "vmlinux"),
            initialRAMDisk: file(.initialRAMDisk, "initramfs.cpio"),
            commandLine: parameters.joined(separator: " "),
            rootImage: file(.disk, "disk.raw")
        )
    }

    /// Waits for the agent, becomes its owner for the time of the warm-up, and gives it free again.
    private func prepare(_ machine: any Machine, bootstrap: Secret) async throws -> [String: String] {
        do {
            try await atStep(.health)
            let line = GuestLine(to: machine.agentAddress, takesMany: machine.takesManyConnections)
            try await waitForAgent(machine, line)
            progress.line("the guest answers")
            try await atStep(.identity)
            let token = Secret(Random.hex(32))
            let guest = try await line.initialize(identity(token), bootstrap: bootstrap)
            try await atStep(.warmUp)
            var contents = try await withDeadline(Self.warmUpLimit) {
                try await workshop.warmUp(guest, order, progress)
            }
            let release = try Files.read("\(layers[.kernel] ?? "")/release")
            contents["kernel"] = String(decoding: release, as: UTF8.self)
            try await atStep(.release)
            try await guest.release()
            line.close()
            // The ends of the connections are on their way through the guest's network, and nothing tells of their arrival.
            try await Task.sleep(for: .milliseconds(300))
            return contents
        } catch {
            if error is TemplateError || error is CancellationError { throw error }
            let hasEnded = machine.ended.current != nil
            throw TemplateError(
                hasEnded ? .bootFailed : .guestFailed,
                "The guest of the template '\(order.name)' \(hasEnded ? "ended" : "failed") before it was ready; its console "
                    + "ends: \(machine.consoleTail().suffix(600))",
                cause: error
            )
        }
    }

    private func waitForAgent(_ machine: any Machine, _ line: GuestLine) async throws {
        do {
            _ = try await retrying(every: .milliseconds(50), for: Self.bootLimit) {
                if machine.ended.current != nil { throw MachineError(.gone, "The machine has ended") }
                return await line.isHealthy(within: .seconds(1)) ? true : nil
            }
        } catch is DeadlineExceeded {
            throw TemplateError(
                .bootFailed,
                "The guest of the template '\(order.name)' did not answer within \(Self.bootLimit); its console ends: "
                    + "\(machine.consoleTail().suffix(600))"
            )
        }
    }

    private func identity(_ token: Secret) -> GuestIdentity {
        GuestIdentity(
            accessToken: token.exposed { $0 },
            timeNanoseconds: Int64(Date().timeIntervalSince1970 * 1_000_000_000),
            entropy: Data(Random.bytes(64)),
            hostname: "martlet",
            machineID: Random.hex(16),
            envVars: order.recipe.environment,
            defaultUser: order.recipe.user,
            defaultWorkdir: order.recipe.directory
        )
    }

    private func save(_ machine: any Machine, to building: String) async throws {
        try await atStep(.save)
        try await machine.save(deviceState: "\(building)/\(TemplateStore.File.deviceState)")
        for file in [TemplateStore.File.memory, TemplateStore.File.disk] {
            try Files.rename("\(machine.directory)/\(file)", to: "\(building)/\(file)")
        }
        try await atStep(.move)
    }
}
