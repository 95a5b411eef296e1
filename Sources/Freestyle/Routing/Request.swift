import Access
import HTTP
import Wire

/// One request, as an endpoint sees it.
struct Request: Sendable {
    static let userHeader = "X-Freestyle-Vm-Linux-User-Id"

    let exchange: Exchange
    let generation: Generation
    let caller: Caller
    /// What stood in the places of the route's parameters, decoded.
    let parameters: [String: String]
    let query: [String: String]
    /// Ends with the request.
    let visit = Visit()
    /// The body, where the endpoint is one that has it whole.
    var body: [UInt8] = []

    var headers: Headers { exchange.request.headers }

    subscript(parameter: String) -> String { parameters[parameter] ?? "" }

    /// The body as an object; an absent one has no members.
    func members() throws -> Members {
        if body.isEmpty { return Members([:]) }
        let document: JSONValue
        do throws(JSONError) { document = try JSONValue(parsing: body) } catch {
            throw FreestyleError.badRequest("The body can not be read. \(error.message)")
        }
        guard case .object(let members) = document else {
            throw FreestyleError.badRequest("The body must be an object")
        }
        return Members(members)
    }

    /// An item of the query; an empty one is as good as none.
    func item(_ name: String) -> String? { query[name].flatMap { $0.isEmpty ? nil : $0 } }

    func integer(_ name: String, in range: ClosedRange<Int64>) throws -> Int64? {
        guard let text = item(name) else { return nil }
        guard let number = Int64(text), range.contains(number) else { throw Members.outOfRange(name, range) }
        return number
    }

    /// Whom what is asked for is done as; nil is the template's own user.
    ///
    /// - Parameter named: the user whom the body names, which goes before the others.
    func user(_ named: String? = nil) throws -> String? {
        guard let name = named ?? item("linuxUser") ?? headers[Self.userHeader] else { return generation.defaultUser }
        let isName =
            (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "/") }
        guard isName else { throw FreestyleError.badRequest("'\(name)' is no name of a Linux user") }
        return name
    }
}
