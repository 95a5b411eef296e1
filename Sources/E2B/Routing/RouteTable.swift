/// Which endpoint a request is for, by method and path.
///
/// The path is split before it is decoded, so that `GET /templates/aliases/ns%2Fname` has three parts. A literal part goes
/// before a parameter: `/sandboxes/metrics` is not the sandbox called `metrics`.
struct RouteTable<Endpoint: Sendable>: Sendable {
    enum Match {
        case found(Endpoint, parameters: [String: String])
        /// The path is known, the method is not.
        case otherMethods([String])
        case nothing
    }

    private enum Part: Sendable, Hashable {
        case literal(String)
        case parameter(String)
    }

    private struct Route: Sendable {
        let parts: [Part]
        var endpoints: [String: Endpoint]

        var parameterCount: Int { parts.count { if case .parameter = $0 { true } else { false } } }

        func parameters(of path: [String]) -> [String: String]? {
            guard path.count == parts.count else { return nil }
            var parameters: [String: String] = [:]
            for (part, text) in zip(parts, path) {
                switch part {
                case .literal(let literal): guard literal == text else { return nil }
                case .parameter(let name): parameters[name] = text
                }
            }
            return parameters
        }
    }

    private var routes: [Route] = []

    /// - Parameter path: such as `/sandboxes/{id}/timeout`.
    mutating func add(_ method: String, _ path: String, _ endpoint: Endpoint) {
        let parts = path.split(separator: "/").map { part -> Part in
            part.hasPrefix("{") ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
        }
        if let index = routes.firstIndex(where: { $0.parts == parts }) {
            routes[index].endpoints[method] = endpoint
        } else {
            routes.append(Route(parts: parts, endpoints: [method: endpoint]))
            routes.sort { $0.parameterCount < $1.parameterCount }
        }
    }

    func match(_ method: String, _ path: [String]) -> Match {
        var others: Set<String> = []
        for route in routes {
            guard let parameters = route.parameters(of: path) else { continue }
            if let endpoint = route.endpoints[method] { return .found(endpoint, parameters: parameters) }
            others.formUnion(route.endpoints.keys)
        }
        return others.isEmpty ? .nothing : .otherMethods(others.sorted())
    }
}
