// E2B's control plane: the REST calls by which its clients make, find and end sandboxes. What happens inside a sandbox goes
// another way, through the router to the guest's agent.
//
//     exchange ──► key ──► RouteTable ──► endpoint ──► SandboxRegistry, APIKeys, TemplateStore, VolumeStore
//                                            │
//                                         Answer, or RESTError: always {"code", "message"}
//
// The files of volumes are apart, in VolumeContentServer: they have tokens instead of keys, and bodies that are not documents.
//
// Both generations of the API are served: the clients' versions until 2.50 speak the first, the later ones the second.

import Access
import FoundationEssentials
import HTTP
import Linux
import Records
import Sandboxes
import Secrets
import Templates
import Volumes

/// Serves E2B's control plane.
package struct E2BServer: Sendable {
    private typealias Endpoint = @Sendable (Request) async throws -> Answer

    private let table: RouteTable<Endpoint>
    private let volumeContent: VolumeContentServer
    private let uploads: UploadTokens

    /// - Parameter domain: where sandboxes have host names of their own, with the port if it is not 443; nil where they have
    ///   none, and clients must go by headers.
    package init(
        sandboxes: SandboxRegistry,
        keys: APIKeys,
        volumes: VolumeStore,
        builds: TemplateBuilds,
        secrets: SecretVault,
        database: Database,
        domain: String?
    ) {
        let templates = TemplateEndpoints(sandboxes: sandboxes, builds: builds)
        uploads = UploadTokens(files: builds.files)
        let endpoints = SandboxEndpoints(
            sandboxes: sandboxes,
            templates: templates,
            volumes: volumes,
            answers: IdempotentAnswers(database),
            domain: domain
        )
        var table = RouteTable<Endpoint>()
        Self.addSandboxes(endpoints, to: &table)
        Self.addLogs(LogEndpoints(sandboxes: sandboxes, endpoints: endpoints), to: &table)
        Self.addTemplates(templates, to: &table)
        Self.addBuilds(
            BuildEndpoints(builds: builds, templates: templates, uploads: uploads, domain: domain),
            to: &table
        )
        Self.addKeys(KeyEndpoints(keys: keys), to: &table)
        Self.addVolumes(VolumeEndpoints(volumes: volumes, domain: domain), to: &table)
        Self.addSecrets(SecretEndpoints(secrets: secrets), to: &table)
        Self.addMissing(to: &table)
        self.table = table
        volumeContent = VolumeContentServer(volumes: volumes)
    }

    /// Answers `exchange` if its path is one of the control plane's; false if it is not.
    ///
    /// - Parameter caller: who asks; nil is somebody without a key that is any good.
    package func route(_ exchange: Exchange, from caller: Caller?) async throws -> Bool {
        if try await volumeContent.route(exchange) { return true }
        if try await uploads.route(exchange) { return true }
        let match = table.match(exchange.request.method, exchange.request.pathParts)
        if case .nothing = match { return false }
        var answer: Answer
        do {
            guard let caller else { throw RESTError.unauthorized }
            answer = try await perform(match, exchange, caller)
        } catch {
            answer = try RESTError(error).answer
        }
        try await exchange.respond(answer.status, answer.headers, body: answer.body)
        return true
    }

    private func perform(_ match: RouteTable<Endpoint>.Match, _ exchange: Exchange, _ caller: Caller) async throws
        -> Answer
    {
        switch match {
        case .found(let endpoint, let parameters):
            let request = Request(
                exchange: exchange,
                caller: caller,
                parameters: parameters,
                query: Query(of: exchange.request.target)
            )
            return try await endpoint(request)
        case .otherMethods(let methods):
            let known = methods.joined(separator: ", ")
            var answer = try RESTError(405, "'\(exchange.request.path)' knows only \(known)").answer
            answer.headers["Allow"] = known
            return answer
        case .nothing:
            throw Self.nothing(at: exchange)
        }
    }

    /// Answers a request that is for nobody.
    package func refuse(_ exchange: Exchange, from caller: Caller?) async throws {
        let answer = try (caller == nil ? RESTError.unauthorized : Self.nothing(at: exchange)).answer
        try await exchange.respond(answer.status, answer.headers, body: answer.body)
    }

    private static func nothing(at exchange: Exchange) -> RESTError {
        RESTError(404, "There is nothing at '\(exchange.request.path)'")
    }

    // MARK: Routes

    private static func addSandboxes(_ sandboxes: SandboxEndpoints, to table: inout RouteTable<Endpoint>) {
        table.add("POST", "/sandboxes") {
            try await sandboxes.create($0, defaultTimeout: SandboxEndpoints.firstTimeout)
        }
        table.add("POST", "/v2/sandboxes") {
            try await sandboxes.create($0, defaultTimeout: SandboxEndpoints.secondTimeout)
        }
        table.add("GET", "/sandboxes", sandboxes.listRunning)
        table.add("GET", "/v2/sandboxes", sandboxes.list)
        table.add("GET", "/sandboxes/{id}", sandboxes.info)
        table.add("DELETE", "/sandboxes/{id}", sandboxes.kill)
        table.add("POST", "/sandboxes/{id}/connect") { try await sandboxes.connect($0, defaultTimeout: nil) }
        table.add("POST", "/v2/sandboxes/{id}/connect") {
            try await sandboxes.connect($0, defaultTimeout: SandboxEndpoints.secondTimeout)
        }
        table.add("POST", "/sandboxes/{id}/pause", sandboxes.pause)
        table.add("POST", "/sandboxes/{id}/resume", sandboxes.resume)
        table.add("POST", "/sandboxes/{id}/timeout", sandboxes.setTimeout)
        table.add("POST", "/sandboxes/{id}/refreshes", sandboxes.refresh)
        table.add("POST", "/sandboxes/{id}/fork", sandboxes.fork)
        table.add("POST", "/sandboxes/{id}/snapshots", sandboxes.keep)
        table.add("GET", "/snapshots", sandboxes.listSnapshots)
        table.add("PUT", "/sandboxes/{id}/network", sandboxes.setNetwork)
    }

    private static func addLogs(_ logs: LogEndpoints, to table: inout RouteTable<Endpoint>) {
        table.add("GET", "/sandboxes/{id}/logs", logs.first)
        table.add("GET", "/v2/sandboxes/{id}/logs", logs.second)
        table.add("GET", "/sandboxes/{id}/metrics", logs.metrics)
        table.add("GET", "/sandboxes/metrics", logs.metricsOfMany)
    }

    private static func addTemplates(_ templates: TemplateEndpoints, to table: inout RouteTable<Endpoint>) {
        table.add("GET", "/templates", templates.list)
        table.add("GET", "/v2/templates", templates.list)
        table.add("GET", "/templates/{id}", templates.get)
        table.add("DELETE", "/templates/{id}", templates.remove)
        table.add("GET", "/templates/{id}/tags", templates.tags)
        table.add("GET", "/templates/aliases/{alias}", templates.alias)
        table.add("PATCH", "/templates/{id}", templates.update)
        table.add("PATCH", "/v2/templates/{id}", templates.update)
    }

    private static func addBuilds(_ builds: BuildEndpoints, to table: inout RouteTable<Endpoint>) {
        table.add("POST", "/v2/templates", builds.request)
        table.add("POST", "/v3/templates", builds.request)
        table.add("GET", "/templates/{id}/files/{hash}", builds.files)
        table.add("POST", "/v2/templates/{id}/builds/{build}", builds.begin)
        table.add("GET", "/templates/{id}/builds/{build}/status", builds.status)
        table.add("GET", "/templates/{id}/builds/{build}/logs", builds.logs)
        table.add("POST", "/templates/tags", builds.assignTags)
        table.add("DELETE", "/templates/tags", builds.removeTags)
    }

    private static func addKeys(_ keys: KeyEndpoints, to table: inout RouteTable<Endpoint>) {
        table.add("GET", "/teams", keys.teams)
        table.add("GET", "/api-keys", keys.list)
        table.add("POST", "/api-keys", keys.create)
        table.add("PATCH", "/api-keys/{id}", keys.rename)
        table.add("DELETE", "/api-keys/{id}", keys.remove)
    }

    private static func addVolumes(_ volumes: VolumeEndpoints, to table: inout RouteTable<Endpoint>) {
        table.add("POST", "/volumes", volumes.create)
        table.add("GET", "/volumes", volumes.list)
        table.add("GET", "/volumes/{id}", volumes.get)
        table.add("DELETE", "/volumes/{id}", volumes.remove)
    }

    private static func addSecrets(_ secrets: SecretEndpoints, to table: inout RouteTable<Endpoint>) {
        table.add("POST", "/secrets", secrets.create)
        table.add("GET", "/secrets", secrets.list)
        table.add("GET", "/secrets/{id}", secrets.get)
        table.add("POST", "/secrets/{id}", secrets.replace)
        table.add("DELETE", "/secrets/{id}", secrets.remove)
    }

    /// What is not there yet says so, by name.
    private static func addMissing(to table: inout RouteTable<Endpoint>) {
        let rest = [
            "builds of templates in the first version of the API, for images that 'docker push' brought; "
                + "the SDKs' 'Template.build', 'e2b template create' and 'martlet template build' use the present one":
                [
                    "POST /templates", "POST /templates/{id}", "POST /templates/{id}/builds/{build}",
                ],
            "tags of templates for dashboards": [
                "GET /templates/{id}/tags/count", "GET /templates/{id}/tags/exists", "GET /templates/{id}/tags/groups",
                "GET /templates/{id}/tags/{tag}/assignments",
            ],
            "default templates": ["GET /default-templates"],
        ]
        for (what, routes) in rest {
            for route in routes {
                let words = route.split(separator: " ").map(String.init)
                table.add(words[0], words[1]) { _ in throw RESTError.missing(what) }
            }
        }
    }
}
