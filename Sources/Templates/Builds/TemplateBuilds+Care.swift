import Access
import FoundationEssentials
import Glibc
import Linux
import Machines
import Records
import Sandboxes
import Wire

// What is done with templates that are there, and with what they left.

extension TemplateBuilds {
    /// How long what no template needs is kept after its last use: the next build may go on from it.
    private static let patience = 7 * 86_400.0

    /// Points tags to what `name` names.
    package func tag(_ name: String, _ tags: [String]) async throws {
        let previous = templates.pointedBuilds()
        try templates.tag(name, tags)
        for id in previous.subtracting(templates.pointedBuilds()) { await told(id) }
    }

    /// Writes a template into a file, whole or not at all, and gives the file's size.
    package func export(_ name: String, to path: String) async throws -> Int64 {
        try await TemplateExport(templates: templates, pins: builder.pins).write(name, to: path)
    }

    /// Takes in a template from a file that ``export(_:to:)`` wrote, under another name if one is given.
    package func importTemplate(from path: String, as name: String?) async throws -> TemplateManifest {
        let previous = templates.pointedBuilds()
        let taking = TemplateImport(engine: engine, home: home, templates: templates, builder: builder)
        let manifest = try await taking.take(path, as: name) { [self] name in
            try await claim(name, for: .installation)
        }
        for id in previous.subtracting(templates.pointedBuilds()) { await told(id) }
        return manifest
    }

    /// What takes space, the templates first.
    package func measure() async throws -> [MeasureTemplates.Item] {
        let (templates, home, files) = (templates, home, files)
        let cache = StepCache(home, identity: engine.identity)
        return try await BlockingPool.run {
            var items: [MeasureTemplates.Item] = []
            for id in templates.builds() {
                let original = templates.original(ofAgentBuild: id)
                let names = templates.namesOf(original ?? id)
                var name = names.isEmpty ? "foundation \(id.prefix(8))" : names.joined(separator: ", ")
                if original != nil { name += " with an agent" }
                items.append(.init(kind: .template, name: name, bytes: Files.space(templates.directory(id))))
            }
            for name in Files.list(home.images)
            where !name.hasPrefix(".") && Files.isDirectory("\(home.images)/\(name)") {
                items.append(.init(kind: .image, name: name, bytes: Files.space("\(home.images)/\(name)")))
            }
            for key in cache.keys {
                items.append(.init(kind: .step, name: String(key.prefix(12)), bytes: Files.space(cache.directory(key))))
            }
            for file in files.all() {
                items.append(.init(kind: .files, name: String(file.hash.prefix(12)), bytes: file.bytes))
            }
            return items
        }
    }

    /// Removes what no template needs: at once when a person asks, and what was not used for long at the daemon's start.
    ///
    /// - Parameter age: how long it must not have been used, in seconds.
    package func prune(olderThan age: Double = 0) async throws {
        try await builder.turn.withLock { [self] in
            guard !isBuilding else { return }
            let limit = Date(timeIntervalSinceNow: -age)
            let cache = StepCache(home, identity: engine.identity)
            for key in cache.keys where cache.lastUse(key) ?? .distantPast <= limit { await cache.remove(key) }
            for file in files.all() where file.used <= limit { files.remove(file.hash) }
            for key in templates.foundations() {
                guard let template = templates.foundation(key), template.manifest.created <= limit else { continue }
                // Its disk stays with templates that stand on it; its memory is only for the next one.
                try? templates.removeFoundation(key)
            }
            await builder.collectLayers()
        }
    }

    /// The same for what was left long ago.
    package func pruneOld() async { try? await prune(olderThan: Self.patience) }
}
