import FoundationEssentials
import GuestLink
import Linux
import Machines
import RPC
import Records
import Snapshots
import TLS
import Wire

/// How a sandbox is booted that was saved without its memory.
struct Reboot: Sendable {
    /// What its guest had, and is nowhere on its disk.
    struct Setting: Codable, Sendable {
        var variables: [String: String]
    }

    let saved: SavedMachine
    let setting: Setting?
    /// Opens the guest once, before it has its identity again.
    let bootstrap = Secret(Random.hex(32))

    /// - Returns: nil for what has its memory.
    init?(_ snapshot: Snapshot) {
        guard !snapshot.saved.hasMemory else { return nil }
        saved = snapshot.saved
        setting = try? snapshot.manifest.attachment?.decode()
    }

    var commandLine: String {
        let key = "martlet.bootstrap="
        let hash = bootstrap.exposed { Digest.sha256($0.utf8) }.map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0\(text)" : text
        }.joined()
        let words = saved.plan.commandLine.split(separator: " ").filter { !$0.hasPrefix(key) }
        return (words + ["\(key)\(hash)"]).joined(separator: " ")
    }
}

/// Sandboxes that were saved without their memory, on their way back.
///
///     pause    variables asked for ─► processes held ─► disk written ─► as ever, but for the memory
///     resume   boot on its disk ─► agent answers ─► identity ─► ways out, volumes ─► start command ─► as ever
extension SandboxRegistry {
    /// How long a guest may take until its agent answers: two to three seconds on an idle machine without KVM.
    private static let bootLimit = Duration.seconds(120)
    /// And until it has taken its identity.
    private static let identityLimit = Duration.seconds(20)
    /// A guest that is saved before it has this clock may be without one when it goes on.
    private static let clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    private static let clockLimit = Duration.seconds(10)
    /// The shell that there is.
    private static let startLine =
        #"if [ -x /bin/bash ]; then exec /bin/bash -l -c "$0"; else exec /bin/sh -l -c "$0"; fi"#

    /// What is to be known of a guest to make another that is the same to its programs.
    func setting(of sandbox: Sandbox) async throws -> JSONValue {
        try await withDeadline(Self.identityLimit) {
            try JSONValue(encoding: Reboot.Setting(variables: await sandbox.link.variables()))
        }
    }

    func start(_ boot: Reboot) async throws -> any Machine {
        try Files.makeDirectory(home.machines)
        let directory = "\(home.machines)/m\(Random.name(12))"
        return try await engine.reboot(boot.saved, commandLine: boot.commandLine, in: directory)
    }

    /// Makes the guest that boots there the sandbox again.
    func settle(_ sandbox: Sandbox, _ stay: Stay, _ boot: Reboot) async throws {
        try await introduce(sandbox, stay.machine, boot)
        sandbox.journal.beginAgain()
        _ = sandbox.agent.take()
        await introduceAuthorityIfItCan(of: sandbox.record, over: sandbox.link)
        openTunnels(of: sandbox, stay)
        for volume in sandbox.record.volumes { try await mount(volume, in: sandbox) }
        try await startAgain(in: sandbox)
    }

    /// Runs what its template started before it was saved. How that ends is not waited for.
    func startAgain(in sandbox: Sandbox) async throws {
        if let command = sandbox.template.startCommand { try await start(command, in: sandbox) }
    }

    /// Waits for a guest that boots, and makes it the sandbox's.
    ///
    /// - Parameter environment: variables in place of those that were saved.
    func introduce(
        _ sandbox: Sandbox,
        _ machine: any Machine,
        _ boot: Reboot,
        adding environment: [String: String] = [:]
    ) async throws {
        do {
            var variables = boot.setting?.variables ?? [:]
            // It was another one's that this was made from.
            variables["E2B_SANDBOX_ID"] = sandbox.id
            try await initialize(sandbox, machine, boot, variables.merging(environment) { $1 })
        } catch {
            throw SandboxError(
                .startFailed,
                "The guest was booted and does not answer; its console ends: \(machine.consoleTail().suffix(300))",
                cause: error
            )
        }
        await waitForClock(of: sandbox)
    }

    private func initialize(
        _ sandbox: Sandbox,
        _ machine: any Machine,
        _ boot: Reboot,
        _ variables: [String: String]
    ) async throws {
        let line = sandbox.line
        _ = try await retrying(every: .milliseconds(50), for: Self.bootLimit) {
            if machine.ended.current != nil { throw MachineError(.gone, "The machine has ended") }
            return await line.isHealthy(within: .seconds(1)) ? true : nil
        }
        let identity = GuestIdentity(
            id: sandbox.id,
            token: sandbox.token,
            template: sandbox.template,
            environment: variables
        )
        _ = try await withDeadline(Self.identityLimit) {
            try await line.initialize(identity, bootstrap: boot.bootstrap)
        }
    }

    /// Waits until the kernel has the clock that it will keep: a second and a half after it began, where it is translated.
    private func waitForClock(of sandbox: Sandbox) async {
        guard engine.identity.accelerator == .tcg else { return }
        let command = GuestLink.Command("/bin/cat", [Self.clock], user: "root", directory: "/")
        try? await retrying(every: .milliseconds(50), for: Self.clockLimit) {
            let read = try await sandbox.link.run(command)
            // Where it can not be told it is not waited for.
            return read.status != 0 || read.text.hasPrefix("tsc") ? () : nil
        }
    }

    private func start(_ command: String, in sandbox: Sandbox) async throws {
        var program = GuestLink.Command(
            "/bin/sh",
            ["-c", Self.startLine, command],
            user: sandbox.template.user,
            environment: sandbox.template.environment,
            directory: sandbox.template.directory
        )
        program.isService = true
        let service = program
        try await withDeadline(Self.identityLimit) {
            try await sandbox.link.start(service) { events in _ = try await events.next() }
        }
    }
}
