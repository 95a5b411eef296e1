// A template made step by step, in a machine of the template below it.
//
//     foundation ──► resume ──► step ──► kept ──► step ──► kept ──► start, ready ──► release ──► saved ──► published
//                      ▲                  │
//                      └── the next build goes on from the last step that is there already
//
// A key is made of the key before it and of what the step says, and so stands for all that led there. What a key stands for
// is never made twice unless somebody asks for that. Nothing of the build is seen by others before it is published.

import Egress
import FoundationEssentials
import GuestLink
import Linux
import Machines
import Records
import Sandboxes
import Wire

/// A build that failed, and where.
package struct BuildFailure: Error, Sendable, CustomStringConvertible {
    package let message: String
    /// `base`, a step's number from 1, or `finalize`.
    package let step: String
    package let cause: any Error

    package var description: String { message }

    init(_ error: any Error, in step: String) {
        cause = error
        self.step = step
        message = (error as? TemplateError)?.description ?? (error as? MachineError)?.description ?? "\(error)"
    }
}

/// The moments of a build by steps; each can be made to fail in a test.
package enum StepBuildMoment: String, CaseIterable, Sendable {
    case foundation, resume, step, keep, start, release, save, write, publish
}

/// One build of a template by its steps.
struct StepBuild: Sendable {
    let engine: any MachineEngine
    let home: Home
    let templates: TemplateStore
    let foundations: Foundations
    let images: ImageResolver
    let files: UploadedFiles
    let pins: LayerPins
    let network: BuildNetwork
    let policy: EgressPolicy
    let log: BuildLog
    let atMoment: @Sendable (StepBuildMoment) async throws -> Void

    static let baseStep = "base"
    static let finalStep = "finalize"
    private static let recipe = "steps 1"
    private static let refused = "refused 1"
    private static let readyLimit = Duration.seconds(600)
    private static let readyPause = Duration.milliseconds(500)
    private static let defaultReady = "sleep 20"

    /// A step with what it is known by.
    private struct Planned {
        var instruction: Instruction
        /// Before it.
        var context: StepContext
        var key: String
        /// The same of a build that was refused something outside: it stands for builds with the same policy alone.
        var refusedKey: String
        var isForced: Bool

        /// Whether the guest may be another one after it.
        var mayChangeGuest: Bool {
            switch instruction {
            case .run, .copy, .directory: true
            case .environment(let variables): variables.contains { $0.name == "PATH" }
            case .user: false
            }
        }
    }

    /// What the template is known by: like a step, it is another one if something outside was refused.
    private struct FinalKeys {
        var whole: String
        var refused: String
    }

    /// Builds it and publishes it as `record` says.
    func run(_ record: TemplateBuildRecord, _ spec: TemplateSpec) async throws -> TemplateManifest {
        let instructions = try (spec.steps ?? []).enumerated().map { index, step in
            try located("\(index + 1)") { try Instruction(step) }
        }
        let base = StepLog(log: log, step: Self.baseStep)
        let foundation = try await located(Self.baseStep) {
            try await atMoment(.foundation)
            return try await images.foundation(of: spec, record.size, for: record.owner, base)
        }
        let pinned = pins.pin(foundation.template.manifest)
        defer { pins.unpin(pinned) }
        let manifest = foundation.template.manifest
        var context = StepContext(environment: manifest.environment, user: manifest.user, directory: manifest.directory)
        var plan: [Planned] = []
        var key = foundation.key
        var isForced = spec.force == true
        let wishes = try JSONValue(encoding: policy).text()
        for (instruction, step) in zip(instructions, spec.steps ?? []) {
            isForced = isForced || step.force == true
            key = Tools.digest([key, step.type, step.filesHash ?? ""] + (step.args ?? []))
            plan.append(
                Planned(
                    instruction: instruction,
                    context: context,
                    key: key,
                    refusedKey: Tools.digest([Self.refused, key, wishes]),
                    isForced: isForced
                )
            )
            context.apply(instruction)
        }
        let finalKey = Tools.digest([Self.recipe, key, spec.startCmd ?? "", spec.readyCmd ?? ""])
        let keys = FinalKeys(whole: finalKey, refused: Tools.digest([Self.refused, finalKey, wishes]))
        return try await finish(record, spec, plan, context, foundation, keys)
    }

    private func finish(
        _ record: TemplateBuildRecord,
        _ spec: TemplateSpec,
        _ plan: [Planned],
        _ context: StepContext,
        _ foundation: Foundation,
        _ keys: FinalKeys
    ) async throws -> TemplateManifest {
        let isForced = spec.force == true || plan.contains(where: \.isForced)
        if !isForced, let same = templates.build(withKey: keys.whole) ?? templates.build(withKey: keys.refused) {
            for (index, step) in plan.enumerated() { say("CACHED", step, index) }
            return try await located(Self.finalStep) { try await publishAgain(same, record) }
        }
        let limit = spec.stepSeconds.map { Duration.seconds($0) } ?? StepRunner.defaultLimit
        let machine = try await perform(plan, on: foundation, limit)
        do {
            let manifest = try await located(Self.finalStep) {
                let final = StepLog(log: log, step: Self.finalStep)
                try await start(spec, machine, context, final)
                try await machine.kept()
                let key = network.hasRefused ? keys.refused : keys.whole
                return try await save(machine, record, spec, context, foundation, key, final)
            }
            await machine.destroy()
            return manifest
        } catch {
            await machine.destroy()
            throw error
        }
    }

    // MARK: Steps

    /// Gives a machine in which all steps are done.
    private func perform(_ plan: [Planned], on foundation: Foundation, _ limit: Duration) async throws -> StepMachine {
        let cache = StepCache(home, identity: engine.identity)
        var done = 0
        var saved: SavedMachine?
        for index in plan.indices.reversed() where plan[index].mayChangeGuest && !plan[index].isForced {
            saved = await cache.saved(plan[index].key)
            if saved == nil {
                saved = await cache.saved(plan[index].refusedKey)
                if saved != nil { network.noteRefused() }
            }
            guard saved != nil else { continue }
            done = index + 1
            break
        }
        for index in 0..<done { say("CACHED", plan[index], index) }
        var machine = try await located(done == 0 ? Self.baseStep : "\(done)") { [saved] in
            try await atMoment(.resume)
            return try await StepMachine(
                resuming: saved ?? foundation.template.saved,
                of: foundation.template,
                by: engine,
                in: "\(home.machines)/b\(Random.name(12))"
            )
        }
        do {
            for index in done..<plan.count { try await perform(plan[index], index, &machine, foundation, cache, limit) }
            return machine
        } catch {
            await machine.destroy()
            throw error
        }
    }

    private func perform(
        _ step: Planned,
        _ index: Int,
        _ machine: inout StepMachine,
        _ foundation: Foundation,
        _ cache: StepCache,
        _ limit: Duration
    ) async throws {
        say("STEP", step, index)
        let label = "\(index + 1)"
        do {
            try Task.checkCancellation()
            try await atMoment(.step)
            let stepLog = StepLog(log: log, step: label)
            let (guest, engineMachine) = (machine.guest, machine.machine)
            let runner = StepRunner(guest: guest, files: files, log: stepLog, network: network, limit: limit)
            // A machine that ends by itself, or by its disk, must not be waited for.
            let hasChanged = try await Self.whileRunning(engineMachine) { [network] in
                try await network.open(to: guest, during: label) {
                    try await runner.run(step.instruction, in: step.context)
                }
            }
            // Most directories are there already: nothing is kept of a step that made nothing.
            guard hasChanged else { return }
            try await atMoment(.keep)
            let key = network.hasRefused ? step.refusedKey : step.key
            let manifest = foundation.template.manifest
            try await machine.between { saved in
                do {
                    try await cache.keep(saved, as: key, of: manifest)
                } catch {
                    throw BuildFailure(error, in: label)
                }
            }
        } catch let error where !(error is CancellationError) && !(error is BuildFailure) {
            throw BuildFailure(error, in: label)
        }
    }

    private func say(_ word: String, _ step: Planned, _ index: Int) {
        log.add(.info, "\(word) \(index + 1): \(step.instruction.title)", step: "\(index + 1)")
    }

    /// Runs `body` for as long as the machine does: whatever its end does to connections is told as what it is.
    private static func whileRunning<Result: Sendable>(
        _ machine: any Machine,
        _ body: @Sendable @escaping () async throws -> Result
    ) async throws -> Result {
        func ending() -> TemplateError {
            TemplateError(
                .guestFailed,
                "The machine ended in the midst of the step; its console ends: \(machine.consoleTail().suffix(300))"
            )
        }
        do {
            return try await withThrowingTaskGroup(of: Result.self) { group in
                group.addTask { try await body() }
                group.addTask {
                    try await machine.ended.value()
                    throw ending()
                }
                defer { group.cancelAll() }
                guard let result = try await group.next() else { throw ending() }
                return result
            }
        } catch let error where !(error is CancellationError) && !(error is TemplateError) {
            // Its connections end a moment before its process does.
            let hasEnded: Void? = try? await withDeadline(.seconds(2)) { try await machine.ended.value() }
            throw hasEnded == nil ? error : ending()
        }
    }

    // MARK: Start

    private func start(_ spec: TemplateSpec, _ machine: StepMachine, _ context: StepContext, _ log: StepLog)
        async throws
    {
        try await atMoment(.start)
        let command = spec.startCmd.flatMap { $0.isEmpty ? nil : $0 }
        let ready = spec.readyCmd.flatMap { $0.isEmpty ? nil : $0 }
        guard command != nil || ready != nil else { return }
        try await Self.whileRunning(machine.machine) {
            try await network.open(to: machine.guest, during: Self.finalStep) {
                try await start(command, ready ?? Self.defaultReady, machine, context, log)
            }
        }
    }

    private func start(
        _ command: String?,
        _ check: String,
        _ machine: StepMachine,
        _ context: StepContext,
        _ log: StepLog
    ) async throws {
        let runner = StepRunner(guest: machine.guest, files: files, log: log, network: network)
        var service: UInt32?
        if let command {
            log.info("starting: \(command)")
            service = try await runner.startService(command, in: context)
        }
        log.info("waiting until this succeeds: \(check)")
        let began = ContinuousClock.now
        while true {
            let left = Self.readyLimit - (ContinuousClock.now - began)
            guard left > .zero else {
                throw TemplateError(
                    .stepFailed,
                    "ready command '\(check)' did not succeed within \(Self.readyLimit)\(network.explanation)"
                )
            }
            let status = try await runner.shell(check, user: context.user, in: context, limit: left) { line, isError in
                log.log.add(isError ? .debug : .info, line, step: log.step)
            }
            if status == "exit status 0" { break }
            if let service, let command { try await demandRunning(service, machine, command) }
            try await EventLoop.shared.sleep(for: Self.readyPause)
        }
        log.info("ready")
    }

    /// A start command that has failed will not become ready; one that only went to the background may.
    private func demandRunning(_ pid: UInt32, _ machine: StepMachine, _ command: String) async throws {
        let ending: ProcessEvent.End? = try? await withDeadline(.milliseconds(200)) { [guest = machine.guest] in
            try await guest.ending(of: pid)
        }
        guard let ending, ending.exitCode ?? 0 != 0 || ending.exited == false else { return }
        throw TemplateError(.stepFailed, "failed to run command '\(command)': \(ending.status ?? "it ended")")
    }

    // MARK: Saving

    private func save(
        _ machine: StepMachine,
        _ record: TemplateBuildRecord,
        _ spec: TemplateSpec,
        _ context: StepContext,
        _ foundation: Foundation,
        _ key: String,
        _ log: StepLog
    ) async throws -> TemplateManifest {
        try await atMoment(.release)
        try await machine.release()
        try await atMoment(.save)
        guard let founding = machine.machine as? any FoundingMachine else {
            throw TemplateError(.toolFailed, "This engine's machines can not become templates")
        }
        let saved = try await founding.found().saved
        let building = templates.buildingDirectory(record.id)
        do {
            try await atMoment(.write)
            try await TemplateWriter(directory: building).write(saved, bootstrap: foundation.template.bootstrap)
            try await LayerStore.putOnDisk(building)
            var manifest = foundation.template.manifest
            manifest.name = record.template
            manifest.buildID = record.id
            manifest.created = Date()
            manifest.layers = LayerPins.directories(of: foundation.template.manifest)
            manifest.environment = context.environment
            manifest.user = context.user
            manifest.directory = context.directory
            manifest.key = key
            manifest.startCommand = spec.startCmd.flatMap { $0.isEmpty ? nil : $0 } ?? manifest.startCommand
            try await atMoment(.publish)
            try templates.publish(manifest, tags: record.tags)
            log.info("the template is ready")
            return manifest
        } catch {
            try? Files.remove(building)
            throw error
        }
    }

    /// Gives what is there already another name, with files of its own that take no space.
    private func publishAgain(_ same: Template, _ record: TemplateBuildRecord) async throws -> TemplateManifest {
        let building = templates.buildingDirectory(record.id)
        do {
            try Files.makeDirectory(building)
            let source = templates.directory(same.manifest.buildID)
            for file in TemplateStore.File.all {
                try Files.link("\(source)/\(file)", to: "\(building)/\(file)")
            }
            var manifest = same.manifest
            manifest.name = record.template
            manifest.buildID = record.id
            manifest.created = Date()
            try await atMoment(.publish)
            try templates.publish(manifest, tags: record.tags)
            log.add(.info, "nothing has changed since it was built", step: Self.finalStep)
            return manifest
        } catch {
            try? Files.remove(building)
            throw error
        }
    }

    /// Says where an error came from.
    private func located<Result>(_ step: String, _ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error where !(error is CancellationError) && !(error is BuildFailure) {
            throw BuildFailure(error, in: step)
        }
    }

    private func located<Result>(_ step: String, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch { throw BuildFailure(error, in: step) }
    }
}
