import Access
import Egress
import FoundationEssentials
import HTTP
import Linux
import RPC
import Sandboxes
import Templates
import Wire

extension CallRouter {
    mutating func addTemplateCalls(
        _ builder: TemplateBuilder,
        _ builds: TemplateBuilds,
        _ sandboxes: SandboxRegistry
    ) {
        on(ListTemplates.self) { _, _ in
            ListTemplates.Response(
                templates: sandboxes.templates.listedNames().map { TemplateInfo(named: $0, in: sandboxes.templates) }
            )
        }
        on(GetTemplate.self) { request, _ in
            try await refusing {
                let manifest = try sandboxes.templates.template(request.name).manifest
                return GetTemplate.Response(
                    template: TemplateInfo(manifest),
                    user: manifest.user,
                    directory: manifest.directory,
                    variables: manifest.environment.keys.sorted(),
                    startCommand: manifest.startCommand,
                    tags: sandboxes.templates.tags(of: manifest.name).map { .init(tag: $0.tag, buildID: $0.buildID) }
                )
            }
        }
        on(RemoveTemplate.self) { request, _ in
            try await refusing { try await builds.remove(request.name) }
            return Empty()
        }
        on(BuildTemplate.self) { request, context, events in
            try await refusing {
                if let spec = request.spec {
                    return try await Self.build(request, spec, by: builds, context, events)
                }
                let previous = try? sandboxes.templates.template(request.name).manifest.buildID
                let manifest = try await builder.build(request) { event in
                    // A caller that has gone does not stop a build that others may wait for.
                    try? await events.send(event)
                }
                // Also one that was there already may have an agent now.
                await sandboxes.templateChanged(from: manifest.buildID == previous ? nil : previous)
            }
        }
        addTemplateFileCalls(builds)
        on(ReadTemplateLog.self) { request, _ in
            try await refusing { try await Self.log(request, of: builds) }
        }
        on(TagTemplate.self) { request, _ in
            try await refusing { try await builds.tag(request.name, request.tags) }
            return Empty()
        }
        addTemplateArchiveCalls(builds)
        on(MeasureTemplates.self) { request, _ in
            try await refusing {
                if request.prunes == true { try await builds.prune() }
                return MeasureTemplates.Response(items: try await builds.measure())
            }
        }
    }

    private mutating func addTemplateArchiveCalls(_ builds: TemplateBuilds) {
        on(ExportTemplate.self) { request, context, events in
            try await refusing {
                try await Self.whileWanted(context) {
                    try await events.send(.init(bytes: try await builds.export(request.name, to: request.path)))
                }
            }
        }
        on(ImportTemplate.self) { request, context, events in
            try await refusing {
                try await Self.whileWanted(context) {
                    let manifest = try await builds.importTemplate(from: request.path, as: request.name)
                    try await events.send(.init(template: TemplateInfo(manifest)))
                }
            }
        }
    }

    /// Runs `body` for as long as its caller is there.
    private static func whileWanted(_ context: Context, _ body: @Sendable @escaping () async throws -> Void)
        async throws
    {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask(operation: body)
            // What says nothing for long would go on for somebody who has left.
            group.addTask {
                try await context.exchange.clientGone()
                throw CallError(.canceled, "The caller went away")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private mutating func addTemplateFileCalls(_ builds: TemplateBuilds) {
        on(FindTemplateFiles.self) { request, _ in .init(isPresent: builds.files.has(request.hash)) }
        onUpload(UploadTemplateFiles.self) { request, upload, _, events in
            try await refusing {
                var upload = upload
                let size = try await builds.files.receive(request.hash) { try await upload.next() }
                try await events.send(.init(bytes: size))
            }
        }
    }

    /// Builds what a spec says and tells the caller its log; a caller that goes away ends the build.
    private static func build(
        _ request: BuildTemplate.Request,
        _ spec: TemplateSpec,
        by builds: TemplateBuilds,
        _ context: Context,
        _ events: EventWriter<BuildTemplate.Event>
    ) async throws {
        guard let name = TemplateName(request.name) else {
            throw CallError(
                .invalidArgument,
                "'\(request.name)' can not be a template's name: \(TemplateStore.nameRule)"
            )
        }
        let size = TemplateSize(
            processors: request.processors,
            memoryMiB: request.memoryMiB,
            diskMiB: request.diskMiB
        )
        var spec = spec
        if request.noCache == true { spec.force = true }
        let policy = try EgressPolicy(
            allow: request.allow ?? [],
            deny: request.deny ?? [],
            otherwise: builds.networks.policy
        )
        let record = try await builds.request(name, tags: [], size: size, for: .installation)
        do {
            try await builds.begin(record.id, spec, reaching: policy)
            try await whileWanted(context) {
                for await line in builds.follow(record.id) ?? AsyncStream(unfolding: { nil }) {
                    try await events.send(.init(log: line))
                }
            }
        } catch {
            await builds.cancel(record.id)
            throw error
        }
        let ended = try await builds.record(record.id)
        guard ended?.status == .ready, let manifest = builds.made(record.id) else {
            throw CallError(.failedPrecondition, ended?.reason?.message ?? "The build was forgotten")
        }
        try await events.send(.init(template: TemplateInfo(manifest)))
    }

    private static func log(_ request: ReadTemplateLog.Request, of builds: TemplateBuilds) async throws
        -> ReadTemplateLog.Response
    {
        let all = try await builds.records(of: TemplateName(request.name)?.name ?? request.name)
        let wanted = request.buildID.map { id in all.first { $0.id.hasPrefix(id) } } ?? all.first
        guard let record = wanted else {
            throw CallError(.notFound, "No build of a template '\(request.name)' is known")
        }
        return .init(buildID: record.id, status: record.status, lines: builds.lines(record.id))
    }
}

extension TemplateInfo {
    /// What can be said of a name, also when its build can not be used.
    init(named name: String, in templates: TemplateStore) {
        do {
            self.init(try templates.template(name).manifest)
        } catch {
            self.init(
                name: name,
                buildID: "",
                created: .init(timeIntervalSince1970: 0),
                processors: 0,
                memoryMiB: 0,
                diskMiB: 0,
                contents: [:],
                problem: "\(error)"
            )
        }
    }
}
