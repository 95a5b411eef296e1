import Access
import Machines
import Sandboxes

/// `/templates`, as far as they can be read and removed; every key of the installation may use all of them.
struct TemplateEndpoints: Sendable {
    let sandboxes: SandboxRegistry

    private var store: TemplateStore { sandboxes.templates }

    func list(_ request: Request) async throws -> Answer {
        // One that can not be read has nothing that could be told here; `martlet template ls` says what is wrong with it.
        try Answer(200, store.names().compactMap { try? store.template($0).manifest }.map { model($0) })
    }

    func get(_ request: Request) async throws -> Answer {
        var template = model(try find(request["id"]))
        template.builds = [
            BuildModel(
                buildID: template.buildID,
                status: template.buildStatus,
                createdAt: template.createdAt,
                updatedAt: template.updatedAt,
                finishedAt: template.updatedAt,
                cpuCount: template.cpuCount,
                memoryMB: template.memoryMB,
                diskSizeMB: template.diskSizeMB,
                envdVersion: template.envdVersion
            )
        ]
        return try Answer(200, template)
    }

    func alias(_ request: Request) async throws -> Answer {
        try Answer(200, AliasModel(templateID: try find(request["alias"]).name, public: true))
    }

    func tags(_ request: Request) async throws -> Answer {
        let manifest = try find(request["id"])
        return try Answer(
            200,
            [
                TagModel(
                    tag: TemplateReference.defaultTags[0],
                    buildID: StableUUID.of(manifest.buildID),
                    createdAt: Timestamp(manifest.created)
                )
            ]
        )
    }

    func remove(_ request: Request) async throws -> Answer {
        let manifest = try find(request["id"])
        guard request.caller.managesInstallation else {
            throw RESTError(403, "The template '\(manifest.name)' is the installation's: only its owner may delete it")
        }
        try store.remove(manifest.name)
        await sandboxes.templateChanged(from: manifest.buildID)
        return Answer(204)
    }

    private func find(_ text: String) throws -> TemplateManifest {
        guard let reference = TemplateReference(text), reference.hasKnownTag,
            let template = try? store.template(reference.name)
        else { throw RESTError.noTemplate(text) }
        return template.manifest
    }

    private func model(_ manifest: TemplateManifest) -> TemplateModel {
        let use = sandboxes.use(of: manifest.name)
        return TemplateModel(
            templateID: manifest.name,
            buildID: StableUUID.of(manifest.buildID),
            cpuCount: manifest.shape.processors,
            memoryMB: manifest.shape.memoryMiB,
            diskSizeMB: manifest.diskMiB,
            public: true,
            aliases: [manifest.name],
            names: [manifest.name],
            createdAt: Timestamp(manifest.created),
            updatedAt: Timestamp(manifest.created),
            createdBy: Nullable(nil),
            lastSpawnedAt: Nullable(use.last.map { Timestamp($0) }),
            spawnCount: use.count,
            buildCount: 1,
            envdVersion: SandboxView.agentVersion,
            buildStatus: .ready
        )
    }
}
