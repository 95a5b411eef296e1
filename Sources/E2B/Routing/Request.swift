import Access
import FoundationEssentials
import HTTP
import Wire

/// One request, as an endpoint sees it.
struct Request: Sendable {
    /// Enough for every document of this API; a file never comes this way.
    static let bodyLimit = 1024 * 1024

    let exchange: Exchange
    let caller: Caller
    /// What stood in the places of the route's parameters, decoded.
    let parameters: [String: String]
    let query: Query

    var headers: Headers { exchange.request.headers }

    subscript(parameter: String) -> String { parameters[parameter] ?? "" }

    /// The body's bytes.
    ///
    /// - Throws: ``HTTPError`` with status 413 for more than ``bodyLimit``.
    func bytes() async throws -> [UInt8] {
        try await exchange.body.collect(limit: Self.bodyLimit)
    }

    /// The body as a document; an absent one is `absent`, where that is allowed.
    func body<Body: Decodable>(_ type: Body.Type = Body.self, absent: Body? = nil) async throws -> Body {
        let bytes = try await bytes()
        if bytes.isEmpty, let absent { return absent }
        return try Self.decode(type, bytes)
    }

    static func decode<Body: Decodable>(_ type: Body.Type, _ bytes: [UInt8]) throws -> Body {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch let error as DecodingError {
            // Where it is no JSON at all, our own parser can say in which place.
            do throws(JSONError) {
                _ = try JSONValue(parsing: bytes)
            } catch {
                throw RESTError.badRequest("The body can not be read. \(error.message)")
            }
            throw RESTError(error)
        }
    }
}
