import HTTP
import Volumes

/// Serves `/volumecontent`: the files of volumes. Here a volume's token opens, and no key does.
struct VolumeContentServer: Sendable {
    /// One request, once its token has opened the volume.
    struct Request: Sendable {
        let exchange: Exchange
        let content: VolumeContent
        let path: VolumePath
        let query: Query
    }

    /// Nil is an answer that the endpoint has given itself.
    private typealias Endpoint = @Sendable (Request) async throws -> Answer?

    private let volumes: VolumeStore
    private let table: RouteTable<Endpoint>

    init(volumes: VolumeStore) {
        self.volumes = volumes
        let endpoints = VolumeContentEndpoints()
        var table = RouteTable<Endpoint>()
        table.add("GET", "/volumecontent/{id}/path", endpoints.entry)
        table.add("PATCH", "/volumecontent/{id}/path", endpoints.change)
        table.add("DELETE", "/volumecontent/{id}/path", endpoints.remove)
        table.add("GET", "/volumecontent/{id}/dir", endpoints.list)
        table.add("POST", "/volumecontent/{id}/dir", endpoints.makeDirectory)
        table.add("GET", "/volumecontent/{id}/file", endpoints.read)
        table.add("PUT", "/volumecontent/{id}/file", endpoints.write)
        self.table = table
    }

    /// Answers `exchange` if its path is one of volumes' files; false if it is not.
    func route(_ exchange: Exchange) async throws -> Bool {
        let match = table.match(exchange.request.method, exchange.request.pathParts)
        if case .nothing = match { return false }
        let answer: Answer?
        do {
            answer = try await perform(match, exchange)
        } catch {
            // Too late for another answer: the connection ends, and the client sees that the body is not whole.
            guard exchange.isWaiting else { throw error }
            answer = try VolumeRefusal(error: RESTError(error)).answer
        }
        if let answer { try await exchange.respond(answer.status, answer.headers, body: answer.body) }
        return true
    }

    private func perform(_ match: RouteTable<Endpoint>.Match, _ exchange: Exchange) async throws -> Answer? {
        switch match {
        case .found(let endpoint, let parameters):
            let token = exchange.request.headers.bearerToken ?? ""
            let content = try await volumes.content(of: parameters["id"] ?? "", token: token)
            let query = Query(of: exchange.request.target)
            guard let path = query["path"] else { throw RESTError.badRequest("'path' is missing in the query") }
            return try await endpoint(
                Request(exchange: exchange, content: content, path: try VolumePath(path), query: query)
            )
        case .otherMethods(let methods):
            let known = methods.joined(separator: ", ")
            let refusal = RESTError(405, "'\(exchange.request.path)' knows only \(known)")
            var answer = try VolumeRefusal(error: refusal).answer
            answer.headers["Allow"] = known
            return answer
        case .nothing:
            return nil
        }
    }
}
