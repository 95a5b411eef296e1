import HTTP
import Linux
import Synchronization
import Templates

/// The way in for the files of templates: whoever has a token may send the one archive that it stands for. Clients show no key
/// there, as with the hosted service, whose files go to a store of objects.
final class UploadTokens: Sendable {
    static let path = "/templates/uploads"
    private static let lifetime = Duration.seconds(3600)
    /// More than any build has files; beyond, the oldest is void.
    private static let limit = 10_000

    private struct Grant {
        var hash: String
        var ends: ContinuousClock.Instant
    }

    private let grants = Mutex<[String: Grant]>([:])
    private let files: UploadedFiles

    init(files: UploadedFiles) {
        self.files = files
    }

    func token(for hash: String) -> String {
        let token = Random.hex(24)
        let now = ContinuousClock.now
        grants.withLock { grants in
            if grants.count >= Self.limit {
                grants = grants.filter { $0.value.ends > now }
                if grants.count >= Self.limit, let oldest = grants.min(by: { $0.value.ends < $1.value.ends }) {
                    grants[oldest.key] = nil
                }
            }
            grants[token] = Grant(hash: hash, ends: now + Self.lifetime)
        }
        return token
    }

    /// Answers `exchange` if it sends files; false if it does not.
    func route(_ exchange: Exchange) async throws -> Bool {
        let parts = exchange.request.pathParts
        guard parts.count == 3, parts[0] == "templates", parts[1] == "uploads" else { return false }
        let answer: Answer
        do {
            guard exchange.request.method == "PUT" else { throw RESTError(405, "Files are sent with PUT") }
            // Found by its whole value, which nobody can guess in parts.
            let grant = grants.withLock { $0[parts[2]] }
            guard let grant, grant.ends > .now else { throw RESTError(403, "The address for these files is not valid") }
            try await files.receive(grant.hash) { try await exchange.body.read() }
            answer = Answer(200)
        } catch let error as TemplateError {
            answer = try RESTError(error.code == .noSpace ? 507 : 400, error.message).answer
        } catch {
            answer = try RESTError(error).answer
        }
        try await exchange.respond(answer.status, answer.headers, body: answer.body)
        return true
    }
}
