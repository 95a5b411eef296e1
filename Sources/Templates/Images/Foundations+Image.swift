import GuestLink
import Linux
import Machines
import Sandboxes
import Wire

extension Foundations {
    private static let defaultShape = MachineShape(processors: 2, memoryMiB: 1024)
    private static let defaultDiskMiB = 8192

    /// The foundation that is made of an image: its file system as the disk, this installation's kernel and agent, booted once.
    func foundation(_ image: ImageImport, _ size: TemplateSize, _ log: StepLog, _ builder: TemplateBuilder) async throws
        -> Foundation
    {
        let shape = MachineShape(
            processors: size.processors ?? Self.defaultShape.processors,
            memoryMiB: size.memoryMiB ?? Self.defaultShape.memoryMiB
        )
        // How large the image is, is not known yet; most are small on a disk of the usual size.
        let diskMiB = size.diskMiB(above: Self.defaultDiskMiB / 2) ?? Self.defaultDiskMiB
        let digest = try await image.digest()
        return try await turn.withLock {
            let boot = try await builder.bootLayers()
            let key = Tools.digest([
                "image 1", digest, boot.kernel, boot.initialRAMDisk, "\(shape.processors)", "\(shape.memoryMiB)",
                "\(diskMiB)", engine.identity.build, engine.identity.accelerator.rawValue,
            ])
            if let template = templates.foundation(key) { return Foundation(template: template, key: key) }
            let layers = LayerStore(home)
            let diskKey = Tools.digest(["image 1", digest, "\(diskMiB)"])
            if !layers.has(.disk, diskKey) {
                log.info("fetching the image and making a disk of it")
                _ = try await layers.make(.disk, diskKey) { place in try await image.make(in: place, diskMiB: diskMiB) }
            }
            let disk = layers.directory(.disk, diskKey)
            let configuration = try ImageConfiguration(parsing: Files.read("\(disk)/image.json"))
            return try await self.boot(disk, boot, configuration, shape, diskMiB, key, log)
        }
    }

    private func boot(
        _ disk: String,
        _ boot: (kernel: String, initialRAMDisk: String),
        _ configuration: ImageConfiguration,
        _ shape: MachineShape,
        _ diskMiB: Int,
        _ key: String,
        _ log: StepLog
    ) async throws -> Foundation {
        var contents: [String: String] = [:]
        let start = (configuration.entrypoint ?? []) + (configuration.command ?? [])
        if !start.isEmpty { contents["entrypoint"] = start.joined(separator: " ") }
        let user = configuration.user.flatMap { $0.isEmpty ? nil : $0 } ?? TemplateRecipe.base.user
        let place = configuration.directory.flatMap { $0.hasPrefix("/") ? $0 : nil }
        let seed = Seed(
            disk: disk,
            kernel: boot.kernel,
            initialRAMDisk: boot.initialRAMDisk,
            environment: configuration.variables,
            user: user,
            directory: place ?? (user == TemplateRecipe.base.user ? TemplateRecipe.base.directory : "/"),
            contents: contents,
            shape: shape,
            diskMiB: diskMiB
        )
        return try await self.boot(seed, key: key, log) { guest, _ in
            try await ImageWelcome(guest: guest, log: log).run()
        }
    }
}

/// Makes the guest of an image a place that sandboxes' programs know: with the user `user`, if it has a shell.
private struct ImageWelcome: Sendable {
    let guest: GuestLink
    let log: StepLog

    private static let script = """
        grep -q '^root:' /etc/passwd 2>/dev/null || echo 'root:x:0:0:root:/root:/bin/sh' >> /etc/passwd
        grep -q '^root:' /etc/group 2>/dev/null || echo 'root:x:0:' >> /etc/group
        shell=/bin/sh; [ ! -x /bin/bash ] || shell=/bin/bash
        if ! grep -q '^user:' /etc/passwd; then
            id=1000; while cut -d: -f3 /etc/passwd | grep -qx "$id"; do id=$((id + 1)); done
            echo "user:x:$id:$id::/home/user:$shell" >> /etc/passwd
            grep -q '^user:' /etc/group || echo "user:x:$id:" >> /etc/group
            mkdir -p /home/user && chown "$id:$id" /home/user
        fi
        if [ -d /etc/sudoers.d ]; then
            echo 'user ALL=(ALL:ALL) NOPASSWD: ALL' > /etc/sudoers.d/user && chmod 440 /etc/sudoers.d/user
        fi
        sync
        """

    func run() async throws {
        let shell = GuestLink.Command("/bin/sh", ["-c", Self.script], user: "root", directory: "/")
        do {
            let result = try await guest.run(shell)
            if result.status != 0 { log.warn("the user 'user' could not be made: \(result.errorText.suffix(200))") }
        } catch let error as CallError where error.code == .invalidArgument || error.code == .notFound {
            log.warn("the image has no shell: only programs that are named with their paths can be run in it, as root")
        }
    }
}
