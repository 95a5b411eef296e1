import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Wire

/// `POST /files/compose`: makes one file out of several, which are gone afterwards; how a large file comes in parts.
struct Composition: Sendable {
    let requester: Requesters

    private struct Request: Decodable {
        var sourcePaths: [String]
        var destination: String
        var username: String?

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Name.self)
            let paths = try fields.decodeIfPresent([String].self, forKey: .wireSourcePaths)
            sourcePaths = try paths ?? fields.decode([String].self, forKey: .sourcePaths)
            destination = try fields.decode(String.self, forKey: .destination)
            username = try fields.decodeIfPresent(String.self, forKey: .username)
        }

        private enum Name: String, CodingKey {
            case sourcePaths
            case wireSourcePaths = "source_paths"
            case destination, username
        }
    }

    func answer(_ exchange: Exchange) async throws {
        let body = try await exchange.body.collect(limit: 1024 * 1024)
        let request: Request
        do {
            request = try JSONDecoder().decode(Request.self, from: Data(body))
        } catch {
            throw HTTPError(400, "The body has no 'source_paths' and 'destination': \(error)")
        }
        guard !request.sourcePaths.isEmpty, !request.destination.isEmpty else {
            throw HTTPError(400, "A file is composed of at least one other, and needs a destination")
        }
        let place = try await requester.place(named: request.username ?? exchange.request.query["username"])
        let sources = try request.sourcePaths.map { try place.resolve($0) }
        let destination = try place.resolve(request.destination)
        let files = Files(account: place.account, switchesUser: requester.users.areSwitched)
        try await BlockingPool.run { try Self.compose(sources, into: destination, files) }
        try await exchange.respond(json: WrittenFile(destination, [:]))
    }

    /// Writes beside the destination first: it may be one of the sources, and a failure must leave everything as it was.
    private static func compose(_ sources: [String], into destination: String, _ files: Files) throws {
        let opened = try sources.map { try files.openToRead($0) }
        if (try? files.kind(of: destination)) == S_IFDIR {
            throw CallError(.invalidArgument, "path '\(destination)' is a directory")
        }
        let new = "\(destination).\(Random.name(8))"
        let file = try files.openToWrite(new, [:])
        do {
            for source in opened {
                while case let bytes = try source.read(upTo: 1024 * 1024), !bytes.isEmpty { try file.writeAll(bytes) }
            }
            _ = try files.move(new, to: destination)
        } catch {
            try? files.remove(new)
            throw (error as? LinuxError).map { CallError($0, destination) } ?? error
        }
        for source in Set(sources) where source != destination { try files.remove(source) }
    }
}
