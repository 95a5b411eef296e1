import HTTP
import Sandboxes
import Wire

/// Pausing of sandboxes, and what lets them go on.
extension SandboxEndpoints {
    func pause(_ request: Request) async throws -> Answer {
        let model = try await request.body(PauseModel.self, absent: PauseModel())
        let sandbox = try find(request)
        do {
            try await sandboxes.pause(sandbox, keepingMemory: model.memory ?? true)
        } catch let error as SandboxError where error.code == .paused {
            throw RESTError(409, "Error pausing sandbox - sandbox '\(sandbox.id)' is already paused")
        } catch let error as SandboxError where error.code == .ended {
            throw RESTError.noSandbox(request["id"])
        }
        return Answer(204)
    }

    func connect(_ request: Request, defaultTimeout: Int?) async throws -> Answer {
        let model = try await request.body(ConnectModel.self, absent: ConnectModel())
        guard let timeout = model.timeout ?? defaultTimeout else { throw RESTError.badRequest("'timeout' is missing") }
        let lifetime = try Timeout.lifetime(timeout)
        if try await resume(request, lifetime, memory: model.memory) {
            return try Answer(201, SandboxView(find(request), domain: domain).sandbox)
        }
        let sandbox = try await prolong(request) { try await sandboxes.extendLifetime(of: $0, to: lifetime) }
        return try Answer(200, SandboxView(sandbox, domain: domain).sandbox)
    }

    func resume(_ request: Request) async throws -> Answer {
        let model = try await request.body(ResumeModel.self, absent: ResumeModel())
        let lifetime = try Timeout.lifetime(model.timeout ?? Self.firstTimeout)
        guard try await resume(request, lifetime, memory: model.memory) else {
            throw RESTError(409, "Sandbox '\(request["id"])' is already running")
        }
        return try Answer(201, SandboxView(find(request), domain: domain).sandbox)
    }

    /// - Returns: whether it was paused.
    private func resume(_ request: Request, _ lifetime: Duration, memory: Bool?) async throws -> Bool {
        let sandbox = try find(request)
        do {
            return try await sandboxes.resume(sandbox, living: .anew(lifetime), usingMemory: memory ?? true)
        } catch let error as SandboxError where error.code == .ended {
            throw RESTError.noSandbox(request["id"])
        }
    }
}
