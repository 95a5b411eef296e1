// Templates: from a recipe to a machine at rest, from which sandboxes are made.
//
//     kernel ──────────────────► initramfs ─┐
//     base ──────┐                          ├─► machine: boot, warm up, save ─► published under its name
//     claude ────┼─────────────► disk ──────┘
//     packages ──┘
//
// Every box is made once for the digest of all that goes into it, in a place of its own, and comes to its name whole or not
// at all; what is there already is used, whichever template it was made for. Those on the left are made at once. The template
// `base` is made without `claude` and `packages`.

import FoundationEssentials
import Linux
import Machines
import Records
import Sandboxes
import Wire

/// The steps of a build, in order; each can be made to fail in a test.
package enum BuildStep: String, CaseIterable, Sendable {
    case kernel, base, claude, packages, disk, initialRAMDisk
    case boot, health, identity, warmUp, release, save, move, keep, publish

    init(_ layer: Layer) {
        self =
            switch layer {
            case .kernel: .kernel
            case .base: .base
            case .claude: .claude
            case .packages: .packages
            case .disk: .disk
            case .initialRAMDisk: .initialRAMDisk
            }
    }
}

/// Builds templates.
///
/// One builder per installation: it makes two builds of the same thing wait for each other.
package struct TemplateBuilder: Sendable {
    private let engine: any MachineEngine
    private let home: Home
    private let templates: TemplateStore
    private let guestBinary: String
    private let layers: LayerStore
    private let workshop: any Workshop
    private let atStep: @Sendable (BuildStep) async throws -> Void
    /// Held while layers are made or removed.
    let turn = AsyncLock()
    /// What other builds stand on.
    package let pins = LayerPins()

    /// - Parameters:
    ///   - guestBinary: the guest's agent on the host; ``GuestProgramFile/locate()`` finds it.
    ///   - workshop: makes the layers; nil makes them with the tools of this host.
    ///   - atStep: called where each step is about to be made lasting.
    package init(
        engine: any MachineEngine,
        home: Home,
        templates: TemplateStore,
        guestBinary: String,
        workshop: (any Workshop)? = nil,
        atStep: @escaping @Sendable (BuildStep) async throws -> Void = { _ in }
    ) {
        self.engine = engine
        self.home = home
        self.templates = templates
        self.guestBinary = guestBinary
        self.atStep = atStep
        layers = LayerStore(home)
        self.workshop = workshop ?? HostWorkshop(layers)
    }

    /// Builds a template, or finds that nothing changed since it was built.
    ///
    /// - Parameter tell: told how it goes; the last event is the template.
    /// - Throws: ``TemplateError``; what was there before is as it was, and nothing half made is left.
    @discardableResult
    package func build(
        _ request: BuildTemplate.Request,
        tell: @escaping @Sendable (BuildTemplate.Event) async -> Void
    ) async throws -> TemplateManifest {
        let order = try await order(request)
        return try await turn.withLock {
            try Task.checkCancellation()
            return try await Progress.told(to: tell) { progress in
                let manifest = try await build(order, isAnew: request.noCache == true, progress)
                progress.template(TemplateInfo(manifest))
                return manifest
            }
        }
    }

    private func build(_ order: BuildOrder, isAnew: Bool, _ progress: Progress) async throws -> TemplateManifest {
        await layers.sweep()
        if isAnew { try layers.beginEpoch() }
        let keys = try await BuildKeys(order, epoch: layers.epoch, identity: engine.identity)
        let prefix = "\(keys.machine.prefix(24))-"
        if let current = try? templates.template(order.name).manifest, current.buildID.hasPrefix(prefix) {
            for layer in order.recipe.layers { progress.cached(layer.rawValue) }
            progress.cached("machine")
            await addAgent(to: current, order, progress)
            return current
        }
        let missing = order.recipe.layers.filter { !layers.has($0, keys[$0]) }
        try checkSpace(missing, order)
        try await workshop.check(missing)
        let made = try await makeLayers(order, keys, progress)
        let manifest = try await progress.layer("machine") {
            try await MachineBuild(
                engine: engine,
                home: home,
                templates: templates,
                order: order,
                layers: made,
                buildID: prefix + Random.name(6),
                workshop: workshop,
                progress: progress,
                atStep: atStep
            ).run()
        }
        do {
            try await atStep(.publish)
            try templates.publish(manifest)
        } catch {
            try? Files.remove(templates.buildingDirectory(manifest.buildID))
            throw error
        }
        await addAgent(to: manifest, order, progress)
        await collectLayers()
        return manifest
    }

    /// Saves the template with an agent that waits, too. Without one it can be used as well: runs take some seconds longer.
    private func addAgent(to manifest: TemplateManifest, _ order: BuildOrder, _ progress: Progress) async {
        guard order.recipe.claude != nil, let template = try? templates.build(manifest.buildID, name: manifest.name)
        else {
            return
        }
        guard templates.withAgent(manifest) == nil else { return progress.cached("agent") }
        await progress.layer("agent") {
            do {
                try await AgentBuild(engine: engine, home: home, templates: templates).run(template)
            } catch {
                progress.line("no agent waits in it: \(error)")
            }
        }
    }

    // MARK: Layers

    private func makeLayers(_ order: BuildOrder, _ keys: BuildKeys, _ progress: Progress) async throws -> [Layer:
        String]
    {
        async let kernel = make(.kernel, [:], order, keys, progress)
        async let base = make(.base, [:], order, keys, progress)
        async let claude = makeIfWanted(.claude, order, keys, progress)
        async let packages = makeIfWanted(.packages, order, keys, progress)
        var made: [Layer: String] = [:]
        made[.kernel] = try await kernel
        made[.initialRAMDisk] = try await make(.initialRAMDisk, made, order, keys, progress)
        made[.base] = try await base
        made[.claude] = try await claude
        made[.packages] = try await packages
        made[.disk] = try await make(.disk, made, order, keys, progress)
        return made
    }

    /// The directories of the layers that any disk is booted with; the caller holds ``turn``.
    func bootLayers() async throws -> (kernel: String, initialRAMDisk: String) {
        try await Progress.told(to: { _ in }) { [self] progress in
            let order = try await order(BuildTemplate.Request(name: TemplateRecipe.base.name))
            let keys = try await BuildKeys(order, epoch: layers.epoch, identity: engine.identity)
            let missing = [Layer.kernel, .initialRAMDisk].filter { !layers.has($0, keys[$0]) }
            try await workshop.check(missing)
            let kernel = try await make(.kernel, [:], order, keys, progress)
            let made = [Layer.kernel: kernel]
            return (kernel, try await make(.initialRAMDisk, made, order, keys, progress))
        }
    }

    private func makeIfWanted(
        _ layer: Layer,
        _ order: BuildOrder,
        _ keys: BuildKeys,
        _ progress: Progress
    ) async throws -> String? {
        order.recipe.layers.contains(layer) ? try await make(layer, [:], order, keys, progress) : nil
    }

    private func make(
        _ layer: Layer,
        _ made: [Layer: String],
        _ order: BuildOrder,
        _ keys: BuildKeys,
        _ progress: Progress
    ) async throws -> String {
        if layers.has(layer, keys[layer]) {
            progress.cached(layer.rawValue)
            return layers.directory(layer, keys[layer])
        }
        return try await progress.layer(layer.rawValue) {
            try await layers.make(layer, keys[layer]) { place in
                try await workshop.make(layer, in: place, from: made, order, progress)
                try await atStep(BuildStep(layer))
            }
        }
    }

    /// Layers from which no template was made are of no further use. With a template that can not be read nothing is removed:
    /// who knows what it stands on.
    func collectLayers() async {
        var kept = pins.all
        for id in templates.pointedBuilds() {
            guard let manifest = try? templates.build(id, name: id).manifest else { return }
            kept.formUnion(LayerPins.directories(of: manifest))
        }
        await layers.collect(keeping: kept)
    }

    // MARK: The request

    private func order(_ request: BuildTemplate.Request) async throws -> BuildOrder {
        guard var recipe = TemplateRecipe.all.first(where: { $0.name == request.name }) else {
            let known = TemplateRecipe.all.map { "'\($0.name)'" }.joined(separator: " and ")
            throw TemplateError(
                .unknownRecipe,
                "There is no recipe for a template '\(request.name)'; there are recipes for \(known)"
            )
        }
        recipe.processors = request.processors ?? recipe.processors
        recipe.memoryMiB = request.memoryMiB ?? recipe.memoryMiB
        recipe.diskMiB = request.diskMiB ?? recipe.diskMiB
        for (value, range, what) in [
            (recipe.processors, 1...16, "processors"),
            (recipe.memoryMiB, 512...65_536, "MiB of memory"),
            (recipe.diskMiB, 2048...1_048_576, "MiB of disk"),
        ] where !range.contains(value) {
            throw TemplateError(
                .invalidRequest,
                "A template can not have \(value) \(what): between \(range.lowerBound) and \(range.upperBound) are possible"
            )
        }
        if let version = request.claudeVersion {
            guard recipe.claude != nil, request.claudeBinary == nil else {
                throw TemplateError(
                    .invalidRequest,
                    "A version of Claude Code is for a template that has it, and that is made without another program for it"
                )
            }
            recipe.claude = try await workshop.claude(version)
        }
        var order = BuildOrder(recipe: recipe, name: request.name, guestProgram: guestBinary)
        if let path = request.claudeBinary {
            guard recipe.claude != nil else {
                throw TemplateError(
                    .invalidRequest,
                    "The template '\(request.name)' has no Claude Code in it to replace"
                )
            }
            guard let real = Files.resolved(path), !Files.isDirectory(real) else {
                throw TemplateError(.invalidRequest, "There is no file '\(path)' to take as Claude Code")
            }
            order.claudeProgram = real
        }
        guard Files.exists(guestBinary) else {
            throw TemplateError(.guestMissing, "The guest's agent is not at '\(guestBinary)'; run 'make build'")
        }
        return order
    }

    /// What is free must hold what the missing layers and the machine's memory take at their making.
    private func checkSpace(_ missing: [Layer], _ order: BuildOrder) throws {
        var needed = order.recipe.memoryMiB + 256
        for layer in missing {
            switch layer {
            case .kernel: needed += 256
            case .base: needed += 768
            case .claude: needed += 640
            case .packages: needed += 192
            case .disk: needed += 1536
            case .initialRAMDisk: needed += 64
            }
        }
        try Files.makeDirectory(home.images)
        guard let free = Files.freeSpace(home.images) else { return }
        if free >> 20 < UInt64(needed) {
            throw TemplateError(
                .noSpace,
                "The template '\(order.name)' needs \(needed) MiB in '\(home.path)' and \(free >> 20) MiB are free; make "
                    + "room, or set MARTLET_HOME to a larger disk"
            )
        }
    }
}

extension TemplateInfo {
    /// A template that can be used, as its users see it.
    package init(_ manifest: TemplateManifest) {
        self.init(
            name: manifest.name,
            buildID: manifest.buildID,
            created: manifest.created,
            processors: manifest.shape.processors,
            memoryMiB: manifest.shape.memoryMiB,
            diskMiB: manifest.diskMiB,
            contents: manifest.contents,
            problem: nil
        )
    }
}
