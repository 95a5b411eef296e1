import HTTP
import Sandboxes

/// `SandboxForkRequest`.
struct ForkModel: Codable, Sendable, Hashable {
    var timeout: Int?
    var count: Int?
}

/// `SandboxForkResult`: one of the two.
struct ForkedSandbox: Codable, Sendable, Hashable {
    struct Failure: Codable, Sendable, Hashable {
        var code: Int
        var message: String
    }

    var sandbox: SandboxModel?
    var error: Failure?
}

extension SandboxEndpoints {
    /// As many as the hosted service makes at once.
    private static let forks = 1...20

    func fork(_ request: Request) async throws -> Answer {
        let model = try await request.body(ForkModel.self, absent: ForkModel())
        let count = model.count ?? 1
        guard Self.forks.contains(count) else {
            throw RESTError.badRequest(
                "'count' must be an integer from \(Self.forks.lowerBound) to \(Self.forks.upperBound)"
            )
        }
        let lifetime = try Timeout.lifetime(model.timeout ?? Self.firstTimeout)
        let parent = try find(request)
        let wish = ForkRequest(count: count, lifetime: lifetime)
        let fork = try await sandboxes.fork(parent, wish) { try? await request.exchange.clientGone() }
        guard let fork else { throw RESTError(499, "The client went away") }
        return try Answer(201, fork.children.map(forked))
    }

    private func forked(_ child: Result<Sandbox, any Error>) -> ForkedSandbox {
        switch child {
        case .success(let sandbox): return ForkedSandbox(sandbox: SandboxView(sandbox, domain: domain).sandbox)
        case .failure(let error):
            let refusal = RESTError(error)
            return ForkedSandbox(error: .init(code: refusal.status, message: refusal.message))
        }
    }
}
