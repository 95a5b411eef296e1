import Access
import FoundationEssentials
import Machines
import Sandboxes
import Templates
import Wire

/// `/templates`, as far as they are read, changed and removed. What the installation has made all may use; what an owner has
/// made, that owner alone.
struct TemplateEndpoints: Sendable {
    let sandboxes: SandboxRegistry
    let builds: TemplateBuilds

    private var store: TemplateStore { sandboxes.templates }

    func list(_ request: Request) async throws -> Answer {
        var models: [TemplateModel] = []
        // One that can not be read has nothing that could be told here; `martlet template ls` says what is wrong with it.
        for name in store.allNames() {
            guard let manifest = try? newest(of: name), try await isVisible(name, request.caller) else { continue }
            models.append(try await model(manifest))
        }
        return try Answer(200, models)
    }

    func get(_ request: Request) async throws -> Answer {
        let manifest = try await find(request["id"], request.caller)
        var template = try await model(manifest)
        let records = try await builds.records(of: manifest.name)
        template.builds = records.isEmpty ? [build(template)] : records.map { build($0, manifest) }
        return try Answer(200, template)
    }

    func alias(_ request: Request) async throws -> Answer {
        let text = request["alias"]
        if let reference = TemplateReference(text, for: request.caller), store.pointee(reference.text) != nil,
            try await !isVisible(reference.name, request.caller)
        {
            throw RESTError(403, "You don't have access to the template '\(text)'")
        }
        return try Answer(200, AliasModel(templateID: try await find(text, request.caller).name, public: true))
    }

    func tags(_ request: Request) async throws -> Answer {
        let manifest = try await find(request["id"], request.caller)
        let tags = store.tags(of: manifest.name).map { tag in
            TagModel(
                tag: tag.tag,
                buildID: StableUUID.of(tag.buildID),
                createdAt: Timestamp(
                    (try? store.build(tag.buildID, name: tag.tag).manifest.created) ?? manifest.created
                )
            )
        }
        return try Answer(200, tags)
    }

    func update(_ request: Request) async throws -> Answer {
        let manifest = try await change(request["id"], request.caller)
        _ = try await request.body(TemplateUpdateModel.self)
        return try Answer(200, TemplateUpdatedModel(names: [manifest]))
    }

    func remove(_ request: Request) async throws -> Answer {
        let snapshotID = TemplateReference(request["id"], for: request.caller)?.name ?? ""
        if let snapshot = try await sandboxes.namedSnapshot(snapshotID, of: request.caller.owner) {
            try await sandboxes.remove(snapshot)
            return Answer(204)
        }
        let name = try await change(request["id"], request.caller)
        do {
            try await builds.remove(name)
        } catch let error as SandboxError where error.code == .templateNotFound {
            throw RESTError.noTemplate(request["id"])
        }
        return Answer(204)
    }

    /// Whether the caller may make sandboxes and templates of it; true also for what is not there.
    func mayUse(_ text: String, _ caller: Caller) async throws -> Bool {
        guard let reference = TemplateReference(text, for: caller) else { return true }
        return try await isVisible(reference.name, caller)
    }

    // MARK: Parts

    private func isVisible(_ name: String, _ caller: Caller) async throws -> Bool {
        guard let owner = try await builds.owner(of: name) else { return true }
        return owner == .installation || caller.sees(owner)
    }

    private func find(_ text: String, _ caller: Caller) async throws -> TemplateManifest {
        guard let reference = TemplateReference(text, for: caller), try await isVisible(reference.name, caller),
            let template = try? reference.tag == nil
                ? newest(of: reference.name) : store.template(reference.text).manifest
        else { throw RESTError.noTemplate(text) }
        return template
    }

    /// The build of the default tag or, where there is none, of another.
    private func newest(of name: String) throws -> TemplateManifest {
        if store.pointee(name) == nil, let tag = store.tags(of: name).first {
            return try store.build(tag.buildID, name: name).manifest
        }
        return try store.template(name).manifest
    }

    /// The name of a template that the caller may change.
    private func change(_ text: String, _ caller: Caller) async throws -> String {
        guard let reference = TemplateReference(text, for: caller), try await isVisible(reference.name, caller),
            let owner = try await builds.owner(of: reference.name)
        else { throw RESTError.noTemplate(text) }
        guard caller.sees(owner) else {
            throw RESTError(403, "The template '\(reference.name)' is the installation's: only its owner may change it")
        }
        return reference.text
    }

    private func model(_ manifest: TemplateManifest) async throws -> TemplateModel {
        let use = sandboxes.use(of: manifest.name)
        let count = try await builds.records(of: manifest.name).count
        return TemplateModel(
            templateID: manifest.name,
            buildID: StableUUID.of(manifest.buildID),
            cpuCount: manifest.shape.processors,
            memoryMB: manifest.shape.memoryMiB,
            diskSizeMB: manifest.diskMiB,
            public: try await builds.owner(of: manifest.name) == .installation,
            aliases: [manifest.name],
            names: [manifest.name],
            createdAt: Timestamp(manifest.created),
            updatedAt: Timestamp(manifest.created),
            createdBy: Nullable(nil),
            lastSpawnedAt: Nullable(use.last.map { Timestamp($0) }),
            spawnCount: use.count,
            buildCount: max(1, count),
            envdVersion: SandboxView.agentVersion,
            buildStatus: .ready
        )
    }

    private func build(_ template: TemplateModel) -> BuildModel {
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
    }

    private func build(_ record: TemplateBuildRecord, _ manifest: TemplateManifest) -> BuildModel {
        BuildModel(
            buildID: record.id,
            status: record.status,
            createdAt: Timestamp(record.created),
            updatedAt: Timestamp(record.updated),
            finishedAt: record.finished.map { Timestamp($0) },
            cpuCount: record.size.processors ?? manifest.shape.processors,
            memoryMB: record.size.memoryMiB ?? manifest.shape.memoryMiB,
            diskSizeMB: record.size.diskMiB ?? manifest.diskMiB,
            envdVersion: SandboxView.agentVersion
        )
    }
}
