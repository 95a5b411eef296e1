import Glibc
import Linux
import Machines
import Wire

/// QEMU's `microvm` machine, under KVM or TCG.
package struct QEMUEngine: MachineEngine {
    package let identity: MachineIdentity
    private let program: String

    private init(program: String, identity: MachineIdentity) {
        self.program = program
        self.identity = identity
    }

    /// Finds QEMU and decides by trying how it is to run guests.
    ///
    /// - Parameters:
    ///   - accelerator: an accelerator to use untried, for machines whose owner knows better.
    ///   - memory: a file that remembers what was found until this machine boots again: where KVM is no good, finding
    ///     out takes a second.
    /// - Throws: ``MachineError/Code/engineMissing`` when QEMU is not installed.
    package static func detect(accelerator: Accelerator? = nil, memory: String) async throws -> QEMUEngine {
        guard let program = Program.find("qemu-system-x86_64"), Program.find("qemu-img") != nil else {
            throw MachineError(
                .engineMissing,
                "QEMU is not installed; install it with 'apt-get install qemu-system-x86 qemu-utils'"
            )
        }
        let version = try await Program(program, ["--version"]).run()
        guard version.status.isSuccess, let line = version.text.split(separator: "\n").first else {
            throw MachineError(.engineMissing, "'\(program) --version' fails: \(version.errorText)")
        }
        let chosen: Accelerator
        if let accelerator {
            chosen = accelerator
        } else {
            chosen = try await ProbeMemory(path: memory).accelerator()
        }
        return QEMUEngine(
            program: program,
            identity: MachineIdentity(
                engine: "qemu",
                build: String(line),
                accelerator: chosen,
                // Under TCG with the vendor AMD the kernel distrusts the time stamp counter, and time moves in steps of 4 ms.
                processorModel: chosen == .kvm ? "host" : "max,vendor=GenuineIntel"
            )
        )
    }

    package func boot(_ plan: BootPlan, in directory: String) async throws -> any Machine {
        try Files.makeDirectory(directory)
        do {
            let size = Files.size(plan.rootImage) ?? 0
            try DiskLayer.create(at: "\(directory)/\(QEMUCommandLine.disk)", size: UInt64(size))
            let disk = DiskChain(booting: plan.rootImage, writing: QEMUCommandLine.disk)
            let line = line(plan, .shared(MachineFiles.memory), disk, in: directory)
            return try await started(line, in: directory) { try await $0.machine(nil) }
        } catch {
            try? Files.remove(directory)
            throw error
        }
    }

    package func reboot(_ saved: SavedMachine, commandLine: String, in directory: String) async throws -> any Machine {
        try check(saved)
        try Files.makeDirectory(directory)
        do {
            var saved = saved
            saved.plan.commandLine = commandLine
            var (files, disk) = try MachineFiles.make(for: saved, in: directory)
            let targets = saved.change?.layers ?? []
            let layers = try disk.places(for: targets.count)
            for (target, layer) in zip(targets, layers) { try MachineFiles.link(target, to: layer.file, in: directory) }
            disk.insert(layers)
            // A kernel asks nothing of the memory that it finds.
            let line = line(files.plan, .copyOnWrite(MachineFiles.memory, waits: false), disk, in: directory)
            let origin = QEMUMachine.Origin(identity: identity, files: files, disk: disk)
            return try await started(line, in: directory) { process in
                try await process.qmp.execute("migrate-set-capabilities", QEMUProcess.capabilities)
                return try await process.machine(origin)
            }
        } catch {
            try? Files.remove(directory)
            throw error
        }
    }

    /// Starts a process that boots, and has `body` make a machine of it; where that fails, no process is left.
    private func started(
        _ line: QEMUCommandLine,
        in directory: String,
        _ body: (QEMUProcess) async throws -> any Machine
    ) async throws -> any Machine {
        let process = try await start(line, input: Descriptor.null(), in: directory)
        do {
            return try await body(process)
        } catch {
            await process.destroy()
            throw error
        }
    }

    private func check(_ saved: SavedMachine) throws(MachineError) {
        guard saved.identity != identity else { return }
        throw MachineError(
            .incompatible,
            "The saved machine needs \(saved.identity.build) with \(saved.identity.accelerator.rawValue), and this "
                + "is \(identity.build) with \(identity.accelerator.rawValue); build the template again"
        )
    }

    package func prepare(_ saved: SavedMachine, in directory: String) async throws -> any PreparedMachine {
        try check(saved)
        try Files.makeDirectory(directory)
        do {
            let (files, disk) = try MachineFiles.make(for: saved, in: directory)
            let line = line(files.plan, .copyOnWrite(MachineFiles.memory, waits: true), disk, in: directory)
            // Filled when it is known what is to go on; QEMU reads it from its beginning.
            let state = try Descriptor.unlinkedFile(in: directory)
            let process = try await start(line, input: state, in: directory)
            do {
                try await process.qmp.execute("migrate-set-capabilities", QEMUProcess.capabilities)
                let forward = try await process.forward()
                let origin = QEMUMachine.Origin(identity: identity, files: files, disk: disk)
                let prepared = QEMUPreparedMachine(process, forward, state, origin)
                switch saved.state {
                case .template(let deviceState): try prepared.take(deviceState: Files.read(deviceState))
                case .changed(let change): try await prepared.become(change)
                }
                return prepared
            } catch {
                await process.destroy()
                throw error
            }
        } catch {
            try? Files.remove(directory)
            throw error
        }
    }

    package func adopt(_ directory: String) async throws -> (any Machine)? {
        guard let pid = runningProcess(in: directory), let identity = ProcessHandle.Identity(pid: pid),
            let handle = ProcessHandle(identity)
        else { return nil }
        let qmp = try await withDeadline(.seconds(5)) {
            try await QMPConnection.open("\(directory)/\(QEMUCommandLine.qmpSocket)")
        }
        return try await QEMUProcess(handle, qmp, directory).adopted(self.identity)
    }

    package func sweep(_ root: String, keeping kept: Set<String>) async -> [String] {
        let doomed = Files.list(root).filter { !kept.contains($0) }
        for name in doomed {
            let directory = "\(root)/\(name)"
            if let pid = runningProcess(in: directory), let identity = ProcessHandle.Identity(pid: pid),
                let handle = ProcessHandle(identity)
            {
                handle.send(SIGKILL)
                try? await handle.ended.value()
            }
            try? Files.remove(directory)
        }
        return doomed
    }

    /// The QEMU whose working directory is `directory`: nothing that a crash can leave half written says which it is.
    private func runningProcess(in directory: String) -> Int32? {
        guard let real = Files.resolved(directory) else { return nil }
        return ProcessHandle.all().first { pid in
            Files.linkTarget("/proc/\(pid)/cwd") == real
                && Files.linkTarget("/proc/\(pid)/exe")?.contains("qemu-system") == true
        }
    }

    private func line(
        _ plan: BootPlan,
        _ memory: QEMUCommandLine.Memory,
        _ disk: DiskChain,
        in directory: String
    ) -> QEMUCommandLine {
        let name = directory.split(separator: "/").last.map(String.init) ?? "machine"
        return QEMUCommandLine(name: name, plan: plan, identity: identity, memory: memory, disk: disk)
    }

    /// Starts QEMU in `directory` and waits until its monitor answers.
    ///
    /// - Parameter input: its standard input: `migrate-incoming` is told descriptor 0.
    private func start(_ line: QEMUCommandLine, input: Descriptor, in directory: String) async throws -> QEMUProcess {
        let log = try Descriptor.open("\(directory)/\(QEMUCommandLine.log)", O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        var spawn = Spawn(
            path: program,
            arguments: [program] + line.arguments,
            environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C"],
            input: input,
            output: log,
            error: log
        )
        spawn.directory = directory
        // A session of its own: it outlives the daemon, and a Ctrl-C at the daemon's terminal is not for it.
        spawn.startsSession = true
        // A page that the guest writes should cost a page: this saves some 5 MiB in each idle machine.
        spawn.avoidsHugePages = true
        let child = try ChildProcess.start(spawn)
        guard let identity = ProcessHandle.Identity(pid: child.pid), let handle = ProcessHandle(identity) else {
            throw MachineError(
                .startFailed,
                "QEMU ended at once: \(Self.tail(of: "\(directory)/\(QEMUCommandLine.log)"))"
            )
        }
        do {
            let qmp = try await retrying(every: .milliseconds(2), for: .seconds(20)) {
                if handle.ended.current != nil {
                    throw MachineError(
                        .startFailed,
                        "QEMU ended at once: \(Self.tail(of: "\(directory)/\(QEMUCommandLine.log)"))"
                    )
                }
                return try? await QMPConnection.open("\(directory)/\(QEMUCommandLine.qmpSocket)")
            }
            return QEMUProcess(handle, qmp, directory)
        } catch {
            child.send(SIGKILL)
            _ = try? await child.exit.value()
            throw error
        }
    }

    static func tail(of path: String, _ count: Int = 600) -> String {
        let bytes = (try? Files.read(path)) ?? []
        return String(decoding: bytes.suffix(count), as: UTF8.self)
    }
}
