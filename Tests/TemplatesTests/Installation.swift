import Glibc
import GuestLink
import HTTP
import Linux
import Machines
import Records
import Sandboxes
import Synchronization
import Testing
import Wire

@testable import Templates

/// A home of its own, with an engine that boots nothing and a workshop that makes small files.
struct Installation: Sendable {
    let home: Home
    let templates: TemplateStore
    let engine: QuietEngine
    let workshop: SmallWorkshop
    let guest: String

    static func with(_ body: @Sendable (Installation) async throws -> Void) async throws {
        let home = Home("/tmp/martlet-templates-\(Random.name(10))")
        try Files.makeDirectory(home.path)
        let guest = "\(home.path)/martlet-guest"
        try Files.write("the guest's agent".utf8, to: guest)
        let installation = Installation(
            home: home,
            templates: TemplateStore(home),
            engine: QuietEngine(),
            workshop: SmallWorkshop(),
            guest: guest
        )
        do {
            try await body(installation)
        } catch {
            try Files.remove(home.path)
            throw error
        }
        try Files.remove(home.path)
    }

    func builder(atStep: @escaping @Sendable (BuildStep) async throws -> Void = { _ in }) -> TemplateBuilder {
        TemplateBuilder(
            engine: engine,
            home: home,
            templates: templates,
            guestBinary: guest,
            workshop: workshop,
            atStep: atStep
        )
    }

    /// What a build that failed must not leave.
    var leftovers: [String] {
        Files.list("\(home.images)/.making") + Files.list(home.machines) + Files.list("\(home.templates)/building")
            + (engine.running == 0 ? [] : ["\(engine.running) machines"])
    }

    var layers: [String] { Files.list(home.images).filter { !$0.hasPrefix(".") && $0 != "epoch" } }
}

/// Stands for a machine: files where a machine has them, and an agent that takes any identity.
final class QuietEngine: MachineEngine {
    let identity = MachineIdentity(engine: "quiet", build: "1", accelerator: .kvm, processorModel: "none")
    private let count = Mutex((booted: 0, running: 0))

    var booted: Int { count.withLock { $0.booted } }
    var running: Int { count.withLock { $0.running } }

    func boot(_ plan: BootPlan, in directory: String) async throws -> any Machine {
        try Files.makeDirectory(directory)
        let memory = try Descriptor.open("\(directory)/memory", O_RDWR | O_CREAT)
        try check("make the memory") { ftruncate(memory.raw, plan.shape.memoryMiB << 20) }
        try Files.write("disk".utf8, to: "\(directory)/disk.qcow2")
        count.withLock { $0 = ($0.booted + 1, $0.running + 1) }
        return try QuietMachine(directory) { [self] in count.withLock { $0.running -= 1 } }
    }

    func prepare(_ saved: SavedMachine, in directory: String) async throws -> any PreparedMachine {
        throw MachineError(.incompatible, "A quiet machine can not be prepared")
    }
    func reboot(_ saved: SavedMachine, commandLine: String, in directory: String) async throws -> any Machine {
        throw MachineError(.incompatible, "A quiet machine can not be booted again")
    }
    func adopt(_ directory: String) async throws -> (any Machine)? { nil }
    func sweep(_ root: String, keeping kept: Set<String>) async -> [String] { [] }
}

final class QuietMachine: Machine {
    let takesManyConnections = true
    let directory: String
    let processID: Int32 = 0
    let ended = Latch<Void>()
    private let listener: Listener
    private let serving: Task<Void, Never>
    private let gone: @Sendable () -> Void

    init(_ directory: String, gone: @escaping @Sendable () -> Void) throws {
        self.directory = directory
        self.gone = gone
        let listener = try Listener(.loopback(0))
        self.listener = listener
        // The task's owner is the machine: it ends in `destroy`.
        serving = Task {
            try? await HTTPServer { exchange in
                _ = try await exchange.body.collect(limit: 65_536)
                try await exchange.respond(204)
            }
            .run(on: listener)
        }
    }

    var agentAddress: SocketAddress { listener.address }
    func consoleTail() -> String { "" }
    func pause() async throws {}
    func unpause() async throws {}
    func checkpoint() async throws -> Checkpoint { throw Self.notResumed }
    func suspend() async throws -> Checkpoint { throw Self.notResumed }
    func mergeLayers() async throws {}
    private static let notResumed = MachineError(.notResumed, "A quiet machine has nothing to save")
    func save(deviceState: String) async throws { try Files.write("state".utf8, to: deviceState) }

    func destroy() async {
        serving.cancel()
        listener.close()
        try? Files.remove(directory)
        ended.set(())
        gone()
    }
}

final class SmallWorkshop: Workshop {
    private let names = Mutex<[String]>([])

    /// The layers that were made, in order.
    var made: [String] { names.withLock { $0 } }

    func check(_ layers: [Layer]) async throws {}

    func claude(_ version: String) async throws -> ClaudeCode {
        var claude = ClaudeCode()
        (claude.version, claude.wheelDigest, claude.digest) = (version, version, nil)
        return claude
    }

    func make(
        _ layer: Layer,
        in place: LayerStore.Workplace,
        from made: [Layer: String],
        _ order: BuildOrder,
        _ progress: Progress
    ) async throws {
        let files =
            switch layer {
            case .kernel: ["vmlinux", "release"]
            case .base: ["root.tar"]
            case .claude: ["claude"]
            case .packages: ["packages"]
            case .disk: ["disk.raw"]
            case .initialRAMDisk: ["initramfs.cpio"]
            }
        for file in files { try Files.write(layer.rawValue.utf8, to: "\(place.result)/\(file)") }
        try Files.write("half".utf8, to: "\(place.scratch)/half")
        progress.line("made \(layer.rawValue)")
        names.withLock { $0.append(layer.rawValue) }
    }

    func warmUp(_ guest: GuestLink, _ order: BuildOrder, _ progress: Progress) async throws -> [String: String] {
        ["claude": "1.2.3"]
    }
}

extension Program {
    /// Runs it, and gives what it wrote.
    @discardableResult
    func succeed() async throws -> String {
        let output = try await run()
        try #require(output.status.isSuccess, "\(output.errorText)")
        return output.text
    }
}
