// A machine is one microVM: an engine's process, its memory, its disk. This module says what a machine is and can do;
// QEMUMachines is the engine that does it.
//
//     boot ──► Machine ──save──► SavedMachine        once per template
//                                    │
//                                 prepare ──► PreparedMachine ──resume──► Machine        once per sandbox
//                                    ▲                                       │
//                               SavedMachine ◄──── checkpoint, suspend ──────┘           in time proportional to what it wrote
//
// A prepared machine is a started engine that waits for its state, with memory mapped copy-on-write and a disk layer of its
// own: what a pool holds. It can go on as the template, or as what any machine of that template has become. Every machine
// lives in a directory of its own, which is its process's working directory: that is how a daemon that starts again finds the
// machines that outlived the last one. All files that a machine stands on have a name in its directory, hard links where that
// is possible: a template that is removed is missed by no machine that came from it.
//
// A machine that was resumed is saved again as what it has become: its devices, the pages that it has written, and the disk
// layers on top of the template's. The pages are always told against the template's memory, so nothing adds up when a machine
// is saved and resumed a hundred times.

import Linux

/// How guest instructions are run.
package enum Accelerator: String, Codable, Sendable, Hashable {
    /// By the processor.
    case kvm
    /// By QEMU's translator, where KVM can not run a stock kernel.
    case tcg
}

/// What a saved machine needs to run again. Two that differ are not tried.
package struct MachineIdentity: Codable, Sendable, Hashable {
    package var engine: String
    /// The engine's build, as it says itself.
    package var build: String
    package var accelerator: Accelerator
    package var processorModel: String

    package init(engine: String, build: String, accelerator: Accelerator, processorModel: String) {
        self.engine = engine
        self.build = build
        self.accelerator = accelerator
        self.processorModel = processorModel
    }
}

/// The size of a machine.
package struct MachineShape: Codable, Sendable, Hashable {
    package var processors: Int
    package var memoryMiB: Int

    package init(processors: Int, memoryMiB: Int) {
        self.processors = processors
        self.memoryMiB = memoryMiB
    }
}

/// What a machine is booted from; paths are absolute.
package struct BootPlan: Sendable {
    package var shape: MachineShape
    package var kernel: String
    package var initialRAMDisk: String
    package var commandLine: String
    /// A raw image; the machine writes to a layer on top of it.
    package var rootImage: String

    package init(shape: MachineShape, kernel: String, initialRAMDisk: String, commandLine: String, rootImage: String) {
        self.shape = shape
        self.kernel = kernel
        self.initialRAMDisk = initialRAMDisk
        self.commandLine = commandLine
        self.rootImage = rootImage
    }
}

/// A machine at rest: what it stands on, what it was made by, and what it has become since. Paths are absolute.
package struct SavedMachine: Sendable {
    package enum State: Sendable {
        /// As it was made ready; a file holds the state of its devices.
        case template(deviceState: String)
        /// Resumed from that, and gone on.
        case changed(MachineChange)
    }

    package var identity: MachineIdentity
    package var plan: BootPlan
    package var memory: String
    /// The template's disk layer, on top of the plan's root image.
    package var disk: String
    package var state: State

    package init(identity: MachineIdentity, plan: BootPlan, memory: String, disk: String, state: State) {
        self.identity = identity
        self.plan = plan
        self.memory = memory
        self.disk = disk
        self.state = state
    }

    /// Whether it can be resumed; else it can be booted on its disk.
    package var hasMemory: Bool { change.map { !$0.deviceState.isEmpty } ?? true }

    /// Its disk alone: what can be booted, and not resumed.
    package var withoutMemory: SavedMachine {
        guard let change else { return self }
        var saved = self
        saved.state = .changed(MachineChange(deviceState: [], memory: CopiedPages([]), layers: change.layers))
        return saved
    }

    /// What it has become since it was a template.
    package var change: MachineChange? {
        if case .changed(let change) = state { change } else { nil }
    }
}

/// What a machine has become since it was resumed from a template.
package struct MachineChange: Sendable {
    package var deviceState: [UInt8]
    /// The pages that are its own.
    package var memory: any MemoryPages
    /// Its disk layers on top of the template's, lowest first; nobody writes to them any more. Paths are absolute.
    package var layers: [String]

    package init(deviceState: [UInt8], memory: any MemoryPages, layers: [String]) {
        self.deviceState = deviceState
        self.memory = memory
        self.layers = layers
    }
}

/// A running machine as it was at one instant.
package struct Checkpoint: Sendable {
    /// Its files are in the machine's directory: whoever wants them for longer links them elsewhere, or prepares a machine
    /// from it, while that directory is there.
    package let saved: SavedMachine
    /// For how long the machine stood still; nil when it still does.
    package let pause: Duration?

    package init(saved: SavedMachine, pause: Duration?) {
        self.saved = saved
        self.pause = pause
    }
}

/// Makes machines.
package protocol MachineEngine: Sendable {
    var identity: MachineIdentity { get }

    /// Boots a machine with its memory in the file `memory` of `directory`; it runs when this returns, the guest's agent
    /// may not yet.
    func boot(_ plan: BootPlan, in directory: String) async throws -> any Machine

    /// Starts an engine that waits for `saved`'s state. Makes `directory`.
    ///
    /// - Throws: ``MachineError/Code/incompatible`` when another engine saved it.
    func prepare(_ saved: SavedMachine, in directory: String) async throws -> any PreparedMachine

    /// Boots a machine on the disk of one that was saved; nothing of its memory is in it. From then on it is like one that was
    /// resumed from the same template, and is saved like that.
    ///
    /// - Parameter commandLine: for its kernel, in place of the plan's.
    func reboot(_ saved: SavedMachine, commandLine: String, in directory: String) async throws -> any Machine

    /// Finds the running machine of `directory` again; nil when it has ended.
    func adopt(_ directory: String) async throws -> (any Machine)?

    /// Ends whatever runs in a directory below `root` other than `kept`, and gives the directories' names.
    func sweep(_ root: String, keeping kept: Set<String>) async -> [String]
}

/// A machine that waits for its state.
package protocol PreparedMachine: Sendable {
    var directory: String { get }
    /// Set when the engine's process has ended.
    var ended: Latch<Void> { get }
    /// Has it go on as what another machine of the same template has become, and not as the template. Call it once at most,
    /// before ``resume()``; after an error, discard it.
    func become(_ change: MachineChange) async throws
    /// Loads the state and lets the machine run. Call it once.
    func resume() async throws -> any Machine
    /// Ends the engine and removes the directory.
    func discard() async
}

/// A machine that runs.
package protocol Machine: Sendable {
    var directory: String { get }
    var processID: Int32 { get }
    /// Where the guest's agent can be reached, by anyone on this host: the agent must ask for its token.
    var agentAddress: SocketAddress { get }
    /// Whether connections may be made there at once; else one after the other, each when the one before was taken.
    var takesManyConnections: Bool { get }
    /// Set when the engine's process has ended, for whatever reason.
    var ended: Latch<Void> { get }
    /// The last lines the guest wrote to its console.
    func consoleTail() -> String
    /// Stops the machine's processors; nothing in it runs until ``unpause()``.
    func pause() async throws
    func unpause() async throws
    /// Saves a machine that was resumed and lets it go on; it stands still for as long as copying its own pages within this
    /// computer's memory takes. Its disk so far becomes a layer that is written to no more.
    ///
    /// - Throws: ``MachineError/Code/notResumed`` for a machine that was booted. The machine goes on in every case, and is
    ///   as it was.
    func checkpoint() async throws -> Checkpoint
    /// Saves a machine that was resumed and lets it stand still. Its pages are read when they are asked for, and are there
    /// until the machine is destroyed, or until ``unpause()``, which makes the checkpoint void.
    ///
    /// - Throws: as ``checkpoint()``.
    func suspend() async throws -> Checkpoint
    /// Makes one of the disk layers that checkpoints have left, while the machine runs. Costs as much as all of them hold;
    /// done by the machine itself when they become too many.
    func mergeLayers() async throws
    /// Stops the machine for good and writes its state to `deviceState`; memory and disk stay where they are.
    func save(deviceState: String) async throws
    /// Ends the engine, waits for its end, and removes the directory.
    func destroy() async
}

/// A machine that was resumed and can become a template of its own.
package protocol FoundingMachine: Machine {
    /// Lets it stand still with its disk made one layer on top of the root image; what is in ``Checkpoint/saved`` has that layer
    /// for its ``SavedMachine/disk`` and no others, and is there until the machine is destroyed, which is all that may follow.
    ///
    /// - Throws: as ``Machine/checkpoint()``.
    func found() async throws -> Checkpoint
}
