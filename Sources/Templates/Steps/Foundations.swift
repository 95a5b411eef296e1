import FoundationEssentials
import GuestLink
import Linux
import Machines
import Records
import Sandboxes
import Wire

/// What the steps of a template begin on.
struct Foundation: Sendable {
    let template: Template
    /// Stands for it in the keys of what is made on it.
    let key: String
}

/// The size that is wished for; nil leaves it to the foundation.
package struct TemplateSize: Codable, Sendable, Hashable {
    package var processors: Int?
    package var memoryMiB: Int?
    package var diskMiB: Int?
    /// What is to be free on the disk when the steps are done, as far as that can be said before; no disk becomes smaller.
    package var freeMiB: Int?

    package init(processors: Int? = nil, memoryMiB: Int? = nil, diskMiB: Int? = nil, freeMiB: Int? = nil) {
        self.processors = processors
        self.memoryMiB = memoryMiB
        self.diskMiB = diskMiB
        self.freeMiB = freeMiB
    }

    /// What steps may write before less than ``freeMiB`` is left.
    private static let stepsMiB = 2048

    /// The disk that is wished for on top of one of which `used` MiB are in use.
    func diskMiB(above used: Int) -> Int? {
        guard let freeMiB, freeMiB > 0 else { return diskMiB }
        return max(diskMiB ?? 0, used + Self.stepsMiB + freeMiB)
    }

    /// - Throws: ``TemplateError/Code/invalidRequest`` for what no machine can have.
    package func check() throws(TemplateError) {
        for (value, range, what) in [
            (processors, 1...16, "processors"), (memoryMiB, 128...65_536, "MiB of memory"),
            (diskMiB, 512...1_048_576, "MiB of disk"), (freeMiB, 0...1_048_576, "MiB free on its disk"),
        ] {
            guard let value, !range.contains(value) else { continue }
            throw TemplateError(
                .invalidRequest,
                "A template can not have \(value) \(what): between \(range.lowerBound) and \(range.upperBound) are possible"
            )
        }
    }
}

/// Finds or makes what templates begin on: another template, the same booted with another size, an image.
struct Foundations: Sendable {
    let engine: any MachineEngine
    let home: Home
    let templates: TemplateStore
    /// One build of a foundation at a time: two templates on the same image wait for one boot.
    let turn: AsyncLock

    private var layers: LayerStore { LayerStore(home) }

    func foundation(on name: String, _ size: TemplateSize, _ log: StepLog) async throws -> Foundation {
        let parent: Template
        do {
            parent = try templates.template(name)
        } catch let error as SandboxError {
            throw TemplateError(.notFound, error.message)
        }
        let manifest = parent.manifest
        let wanted = MachineShape(
            processors: size.processors ?? manifest.shape.processors,
            memoryMiB: size.memoryMiB ?? manifest.shape.memoryMiB
        )
        let used = [parent.saved.plan.rootImage, parent.saved.disk].reduce(0) { $0 + Files.space($1) }
        let diskMiB = max(size.diskMiB(above: Int(used >> 20)) ?? 0, manifest.diskMiB)
        if wanted == manifest.shape, diskMiB == manifest.diskMiB {
            return Foundation(template: parent, key: Tools.digest(["template", manifest.buildID]))
        }
        let key = Tools.digest([
            "size 1", manifest.buildID, "\(wanted.processors)", "\(wanted.memoryMiB)", "\(diskMiB)",
        ])
        if let template = templates.foundation(key) { return Foundation(template: template, key: key) }
        return try await turn.withLock {
            if let template = templates.foundation(key) { return Foundation(template: template, key: key) }
            log.info(
                "'\(name)' has \(manifest.shape.processors) processors and \(manifest.shape.memoryMiB) MiB; it is booted once "
                    + "with \(wanted.processors) and \(wanted.memoryMiB) MiB"
            )
            let disk = try await layers.make(.disk, key) { place in
                try await Self.flatten(parent, to: "\(place.result)/disk.raw", diskMiB: diskMiB)
            }
            return try await boot(disk, like: parent, wanted, diskMiB, key: key, log)
        }
    }

    /// Makes one raw image of a template's disk. What its guest had not written yet is not in it, so it is put in order.
    private static func flatten(_ template: Template, to path: String, diskMiB: Int) async throws {
        let root: JSONValue = [
            "driver": "raw", "file": ["driver": "file", "filename": .string(template.saved.plan.rootImage)],
        ]
        let disk: JSONValue = [
            "driver": "qcow2", "file": ["driver": "file", "filename": .string(template.saved.disk)], "backing": root,
        ]
        try await Tools.script(
            """
            qemu-img convert -U -O raw "json:$1" "$2"
            e2fsck -fy "$2" >/dev/null 2>&1 || [ $? -le 1 ]
            if [ "$(stat -c %s "$2")" -lt $(($3 * 1048576)) ]; then truncate -s "$3M" "$2"; resize2fs "$2" >/dev/null 2>&1; fi
            """,
            [disk.text(), path, "\(diskMiB)"],
            failure: (.toolFailed, "The disk of the template '\(template.manifest.name)' was not copied")
        )
    }

    private func boot(
        _ disk: String,
        like parent: Template,
        _ shape: MachineShape,
        _ diskMiB: Int,
        key: String,
        _ log: StepLog
    ) async throws -> Foundation {
        let manifest = parent.manifest
        let recipe: TemplateRecipe? =
            manifest.contents["claude"] != nil ? .claude : manifest.contents["python"] != nil ? .base : nil
        let seed = Seed(
            disk: disk,
            kernel: Self.parent(of: manifest.kernel),
            initialRAMDisk: Self.parent(of: manifest.initialRAMDisk),
            environment: manifest.environment,
            user: manifest.user,
            directory: manifest.directory,
            contents: manifest.contents,
            shape: shape,
            diskMiB: diskMiB
        )
        return try await boot(seed, key: key, log) { guest, progress in
            if var recipe {
                recipe.user = manifest.user
                _ = try await WarmUp(guest: guest, recipe: recipe, progress: progress).run()
            }
            if let command = manifest.startCommand {
                let context = StepContext(
                    environment: manifest.environment,
                    user: manifest.user,
                    directory: manifest.directory
                )
                _ = try await StepRunner(guest: guest, files: UploadedFiles(home), log: log)
                    .startService(command, in: context)
            }
        }
    }

    /// What a machine is booted from, and what its sandboxes start with.
    struct Seed: Sendable {
        /// Directories of layers.
        var disk: String
        var kernel: String
        var initialRAMDisk: String
        var environment: [String: String]
        var user: String
        var directory: String
        var contents: [String: String]
        var shape: MachineShape
        var diskMiB: Int
        var startCommand: String?
    }

    /// Boots a machine, has `prepare` make its guest ready, and saves it as a foundation.
    func boot(
        _ seed: Seed,
        key: String,
        _ log: StepLog,
        _ prepare: @escaping @Sendable (GuestLink, Progress) async throws -> Void
    ) async throws -> Foundation {
        var recipe = TemplateRecipe(name: "foundation")
        recipe.processors = seed.shape.processors
        recipe.memoryMiB = seed.shape.memoryMiB
        recipe.diskMiB = seed.diskMiB
        recipe.variables = seed.environment
        recipe.user = seed.user
        recipe.directory = seed.directory
        let order = BuildOrder(recipe: recipe, name: "foundation", guestProgram: "")
        let made: [Layer: String] = [
            .kernel: seed.kernel, .initialRAMDisk: seed.initialRAMDisk, .disk: seed.disk,
        ]
        let (engine, home, templates) = (engine, home, templates)
        let tell: @Sendable (BuildTemplate.Event) async -> Void = { event in
            if let line = event.line { log.info(line) }
        }
        var manifest = try await Progress.told(to: tell) { progress in
            try await MachineBuild(
                engine: engine,
                home: home,
                templates: templates,
                order: order,
                layers: made,
                buildID: Random.uuid(),
                workshop: FoundationWorkshop(prepare: prepare),
                progress: progress,
                atStep: { _ in }
            ).run()
        }
        manifest.contents.merge(seed.contents) { _, own in own }
        manifest.key = key
        manifest.startCommand = seed.startCommand
        do {
            try templates.publish(foundation: manifest, key: key)
        } catch {
            try? Files.remove(templates.buildingDirectory(manifest.buildID))
            throw error
        }
        return Foundation(template: try templates.build(manifest.buildID, name: "foundation"), key: key)
    }

    static func parent(of path: String) -> String {
        String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex))
    }
}

/// Makes no layers: those of a foundation are there.
private struct FoundationWorkshop: Workshop {
    let prepare: @Sendable (GuestLink, Progress) async throws -> Void

    func check(_ layers: [Layer]) async throws {}

    func claude(_ version: String) async throws -> ClaudeCode { ClaudeCode() }

    func make(
        _ layer: Layer,
        in place: LayerStore.Workplace,
        from made: [Layer: String],
        _ order: BuildOrder,
        _ progress: Progress
    ) async throws {
        throw TemplateError(.toolFailed, "The layer '\(layer.rawValue)' of a foundation is missing")
    }

    func warmUp(_ guest: GuestLink, _ order: BuildOrder, _ progress: Progress) async throws -> [String: String] {
        try await prepare(guest, progress)
        return [:]
    }
}
