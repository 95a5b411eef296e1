import Access
import HTTP
import Sandboxes
import Volumes
import Wire

/// `/sandboxes` and `/v2/sandboxes`: making, finding, prolonging and ending them.
struct SandboxEndpoints: Sendable {
    /// How long a sandbox lives when nobody said it, in the first version of the API and in the second.
    static let firstTimeout = 15
    static let secondTimeout = 300
    /// The least and the most that a refresh prolongs by.
    static let refreshes = 15...3600

    let sandboxes: SandboxRegistry
    let templates: TemplateEndpoints
    let volumes: VolumeStore
    let answers: IdempotentAnswers
    let domain: String?

    // MARK: Making

    func create(_ request: Request, defaultTimeout: Int) async throws -> Answer {
        let bytes = try await request.bytes()
        guard let key = request.headers["Idempotency-Key"] else {
            return try await create(bytes, for: request.caller, defaultTimeout) { new in
                try await sandboxes.create(new) { try? await request.exchange.clientGone() }
            }
        }
        return try await answers.once(
            key,
            owner: request.caller.owner,
            request: Array("\(request.exchange.request.path)\n".utf8) + bytes
        ) {
            // A client that asks again after its connection broke is to find what was made: it is not given up.
            try await create(bytes, for: request.caller, defaultTimeout) { try await sandboxes.create($0) }
        }
    }

    /// - Parameter make: gives nil when nobody waits for the sandbox any more.
    private func create(
        _ body: [UInt8],
        for caller: Caller,
        _ defaultTimeout: Int,
        _ make: @Sendable (NewSandbox) async throws -> Sandbox?
    ) async throws -> Answer {
        let model = try Request.decode(NewSandboxModel.self, body)
        let reference = TemplateReference(model.templateID, for: caller)
        var new = try NewSandbox(
            model,
            owner: caller.owner,
            defaultTimeout: defaultTimeout,
            template: reference?.text ?? "",
            egress: sandboxes.networks.settings.policy
        )
        new.keyID = caller.key?.id
        guard reference != nil, try await templates.mayUse(model.templateID, caller) else {
            throw RESTError.noTemplate(model.templateID)
        }
        new.volumes = try await volumes.mounts(model.volumeMounts ?? [], owner: caller.owner)
        do {
            guard let sandbox = try await make(new) else { throw RESTError(499, "The client went away") }
            return try Answer(201, SandboxView(sandbox, domain: domain).sandbox)
        } catch let error as SandboxError where error.code == .templateNotFound {
            throw RESTError.noTemplate(model.templateID)
        }
    }

    // MARK: Finding

    /// The sandbox of a request's path, if its caller may know of it.
    func find(_ request: Request) throws -> Sandbox {
        let given = request["id"]
        // Clients once appended their own id.
        let id = given.prefix { $0 != "-" }
        guard let sandbox = sandboxes.sandbox(exactly: String(id)), request.caller.sees(sandbox.record.owner) else {
            throw RESTError.noSandbox(given)
        }
        return sandbox
    }

    func info(_ request: Request) async throws -> Answer {
        try Answer(200, SandboxView(try find(request), domain: domain).detail)
    }

    /// All sandboxes that the caller may know of, the newest first.
    private func visible(to caller: Caller) -> [ListedSandbox] {
        sandboxes.list().reversed().filter { $0.condition != nil && caller.sees($0.record.owner) }
            .map { SandboxView($0, domain: domain).listed }
    }

    func listRunning(_ request: Request) async throws -> Answer {
        let metadata = try MetadataFilter(request.query["metadata"])
        let running = visible(to: request.caller).filter { $0.state == .running }
        return try Answer(200, running.filter { metadata.accepts($0.metadata) })
    }

    func list(_ request: Request) async throws -> Answer {
        let page = try SandboxQuery(request.query).page(of: visible(to: request.caller))
        var answer = try Answer(200, page.sandboxes)
        answer.headers["X-Total-Running"] = String(page.running)
        answer.headers["X-Next-Token"] = page.next
        return answer
    }

    // MARK: Prolonging and ending

    func kill(_ request: Request) async throws -> Answer {
        let sandbox = try find(request)
        try await sandboxes.kill(sandbox.id)
        return Answer(204)
    }

    func setTimeout(_ request: Request) async throws -> Answer {
        let model = try await request.body(TimeoutModel.self)
        let lifetime = try Timeout.lifetimeOrNone(model.timeout)
        _ = try await prolong(request) { try await sandboxes.setLifetime(of: $0, to: lifetime) }
        return Answer(204)
    }

    func refresh(_ request: Request) async throws -> Answer {
        let duration = try await request.body(RefreshModel.self, absent: RefreshModel()).duration ?? 0
        guard (0...Self.refreshes.upperBound).contains(duration) else {
            throw RESTError.badRequest("'duration' must be an integer from 0 to \(Self.refreshes.upperBound)")
        }
        let lifetime = Duration.seconds(max(Self.refreshes.lowerBound, duration))
        _ = try await prolong(request) { try await sandboxes.extendLifetime(of: $0, to: lifetime) }
        return Answer(204)
    }

    /// Moves the end of a request's sandbox; one that is ending at this moment is not there any more.
    func prolong(_ request: Request, _ move: (Sandbox) async throws -> Void) async throws -> Sandbox {
        let sandbox = try find(request)
        do {
            try await move(sandbox)
        } catch let error as SandboxError where error.code == .ended {
            throw RESTError.noSandbox(request["id"])
        }
        return sandbox
    }
}
