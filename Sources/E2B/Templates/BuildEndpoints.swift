import Access
import FoundationEssentials
import HTTP
import Sandboxes
import Templates
import Wire

/// `/v3/templates` and what follows it: builds of templates, asked for, given their files, begun and followed.
struct BuildEndpoints: Sendable {
    let builds: TemplateBuilds
    let templates: TemplateEndpoints
    let uploads: UploadTokens
    /// As for ``E2BServer``.
    let domain: String?

    /// Lines in one answer, unless fewer are wished for.
    private static let pageLimit: Int64 = 100

    // MARK: Asking

    func request(_ request: Request) async throws -> Answer {
        let model = try await request.body(BuildRequestModel.self)
        guard let text = model.name ?? model.alias, let reference = TemplateReference(text, for: request.caller) else {
            throw RESTError.badRequest(
                "'name' must be a template's name, perhaps with a tag behind a colon: \(TemplateStore.nameRule)"
            )
        }
        guard let name = TemplateName(reference.text) else { throw RESTError.badRequest("'\(text)' can not be a name") }
        let size = TemplateSize(
            processors: model.cpuCount,
            memoryMiB: model.memoryMB,
            freeMiB: model.minFreeDiskMb
        )
        let record = try await Self.refusing {
            try await builds.request(name, tags: model.tags ?? [], size: size, for: request.caller.owner)
        }
        return try Answer(
            202,
            BuildRequestedModel(
                templateID: record.template,
                buildID: record.id,
                public: false,
                names: [record.template],
                tags: record.tags,
                aliases: [record.template]
            )
        )
    }

    /// Where the files of a `COPY` go, if they are not there.
    func files(_ request: Request) async throws -> Answer {
        _ = try await own(request["id"], request)
        let hash = request["hash"]
        guard UploadedFiles.isHash(hash) else { throw RESTError.badRequest("'\(hash)' is no hash of files") }
        let isPresent = builds.files.has(hash)
        let token = uploads.token(for: hash)
        return try Answer(
            201,
            FileUploadModel(present: isPresent, url: "\(base(of: request))\(UploadTokens.path)/\(token)")
        )
    }

    /// As the client found us.
    private func base(of request: Request) -> String {
        let host = request.headers["Host"] ?? "127.0.0.1"
        let isSecure = domain.map { host == "api.\($0)" || host.hasSuffix(".\($0)") } ?? false
        return "\(isSecure ? "https" : "http")://\(host)"
    }

    // MARK: Beginning

    func begin(_ request: Request) async throws -> Answer {
        let record = try await record(request)
        let spec = try await request.body(TemplateSpec.self)
        try await Self.refusing {
            if let parent = spec.fromTemplate {
                // What it begins with is another owner's only if all may use it.
                guard try await templates.mayUse(parent, request.caller) else { throw RESTError.noTemplate(parent) }
            }
            var spec = spec
            spec.fromTemplate = spec.fromTemplate.flatMap { TemplateReference($0, for: request.caller)?.text }
            try await builds.begin(record.id, spec)
        }
        return Answer(202)
    }

    // MARK: Following

    func status(_ request: Request) async throws -> Answer {
        let record = try await record(request)
        let offset = Int(try request.query.integer("logsOffset") ?? 0)
        let limit = Int(try request.query.integer("limit", in: 0...Self.pageLimit) ?? Self.pageLimit)
        let level = try request.query.choice("level", TemplateLogLine.Level.self)
        let lines = Self.lines(builds.lines(record.id), from: level)
        let page = lines.dropFirst(offset).prefix(limit).map(BuildLogModel.init)
        // The state from after the log was read: a page of a build that is over is not short.
        let ended = try await builds.record(record.id) ?? record
        return try Answer(
            200,
            BuildInfoModel(
                logs: page.map { "\($0.message)\n" },
                logEntries: page,
                templateID: record.template,
                buildID: record.id,
                status: record.status == .building ? .building : ended.status,
                reason: record.status == .building
                    ? nil : ended.reason.map { BuildReasonModel(message: $0.message, step: $0.step, logEntries: []) }
            )
        )
    }

    func logs(_ request: Request) async throws -> Answer {
        let record = try await record(request)
        let limit = Int(try request.query.integer("limit", in: 0...Self.pageLimit) ?? Self.pageLimit)
        let level = try request.query.choice("level", TemplateLogLine.Level.self)
        let isBackward = try request.query.choice("direction", LogDirection.self) == .backward
        // In milliseconds, as the client that wrote it down got them.
        let cursor = try request.query.integer("cursor").map { Date(timeIntervalSince1970: Double($0) / 1000) }
        var lines = Self.lines(builds.lines(record.id), from: level)
        if let cursor { lines = lines.filter { isBackward ? $0.time <= cursor : $0.time >= cursor } }
        let page = isBackward ? Array(lines.reversed().prefix(limit)) : Array(lines.prefix(limit))
        return try Answer(200, BuildLogsModel(logs: page.map(BuildLogModel.init)))
    }

    private enum LogDirection: String, CaseIterable { case forward, backward }

    private static func lines(_ all: [TemplateLogLine], from level: TemplateLogLine.Level?) -> [TemplateLogLine] {
        guard let level, let least = TemplateLogLine.Level.allCases.firstIndex(of: level) else { return all }
        return all.filter { line in
            TemplateLogLine.Level.allCases.firstIndex(of: line.level).map { $0 >= least } ?? true
        }
    }

    // MARK: Tags

    func assignTags(_ request: Request) async throws -> Answer {
        let model = try await request.body(AssignTagsModel.self)
        let name = try await own(model.target, request)
        guard let build = builds.templates.pointee(name) else { throw RESTError.noTemplate(model.target) }
        try await Self.refusing { try await builds.tag(name, model.tags) }
        return try Answer(201, AssignedTagsModel(tags: model.tags, buildID: StableUUID.of(build)))
    }

    func removeTags(_ request: Request) async throws -> Answer {
        let model = try await request.body(RemoveTagsModel.self)
        let name = try await own(model.name, request)
        guard !model.tags.contains(TemplateName.defaultTag) else {
            throw RESTError.badRequest("The tag 'default' can not be removed")
        }
        guard !builds.templates.tags(of: name).isEmpty else { throw RESTError.noTemplate(model.name) }
        for tag in model.tags { try await Self.refusing { try await builds.remove("\(name):\(tag)") } }
        return Answer(204)
    }

    // MARK: Parts

    /// The build of a request's path, if it is its caller's.
    private func record(_ request: Request) async throws -> TemplateBuildRecord {
        let id = request["build"]
        guard let record = try await builds.record(id), record.template == (try? TemplateReference(id: request))?.name,
            request.caller.sees(record.owner)
        else { throw RESTError.badRequest("Build '\(id)' not found") }
        return record
    }

    /// The name of a template that the caller may change.
    ///
    /// - Throws: status 404 for one that is not there or somebody else's; 403 for what belongs to all.
    private func own(_ text: String, _ request: Request) async throws -> String {
        guard let reference = TemplateReference(text, for: request.caller) else {
            let isForeign = text.contains("/")
            throw isForeign
                ? RESTError.noTemplate(text)
                : RESTError.badRequest("'\(text)' can not be a template: \(TemplateStore.nameRule)")
        }
        guard let owner = try await builds.owner(of: reference.name) else { throw RESTError.noTemplate(text) }
        if request.caller.sees(owner) { return reference.text }
        if owner == .installation {
            throw RESTError(403, "The template '\(reference.name)' is the installation's: only its owner may change it")
        }
        throw RESTError.noTemplate(text)
    }

    /// In the words that fit, whatever went wrong with a build.
    private static func refusing<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as TemplateError {
            switch error.code {
            case .notFound: throw RESTError(404, error.message)
            case .noSpace: throw RESTError(507, error.message)
            case .invalidRequest, .conflict: throw RESTError(400, error.message)
            default: throw RESTError(500, "\(error)")
            }
        }
    }
}

extension TemplateReference {
    fileprivate init?(id request: Request) throws {
        self.init(request["id"], for: request.caller)
    }
}
