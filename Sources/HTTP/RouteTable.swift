/// Which endpoint a request is for, by method and path.
///
/// The path is split before it is decoded, so that `GET /templates/aliases/ns%2Fname` has three parts. A literal part goes
/// before a parameter: `/sandboxes/metrics` is not the sandbox called `metrics`. A parameter such as `{path...}` at the end takes
/// all that is left, with the slashes.
package struct RouteTable<Endpoint: Sendable>: Sendable {
    package enum Match {
        case found(Endpoint, parameters: [String: String])
        /// The path is known, the method is not.
        case otherMethods([String])
        case nothing
    }

    private enum Part: Sendable, Hashable {
        case literal(String)
        case parameter(String)
        case rest(String)

        init(_ text: Substring) {
            guard text.hasPrefix("{") else {
                self = .literal(String(text))
                return
            }
            let name = text.dropFirst().dropLast()
            self = name.hasSuffix("...") ? .rest(String(name.dropLast(3))) : .parameter(String(name))
        }
    }

    private struct Route: Sendable {
        let parts: [Part]
        var endpoints: [String: Endpoint]

        var parameterCount: Int { parts.count { if case .literal = $0 { false } else { true } } }

        func parameters(of path: [String]) -> [String: String]? {
            var parameters: [String: String] = [:]
            for (index, part) in parts.enumerated() {
                if case .rest(let name) = part {
                    parameters[name] = path.dropFirst(index).joined(separator: "/")
                    return parameters
                }
                guard index < path.count else { return nil }
                switch part {
                case .literal(let literal): guard literal == path[index] else { return nil }
                case .parameter(let name): parameters[name] = path[index]
                case .rest: break
                }
            }
            return path.count == parts.count ? parameters : nil
        }
    }

    private var routes: [Route] = []

    package init() {}

    /// - Parameter path: such as `/sandboxes/{id}/timeout`.
    package mutating func add(_ method: String, _ path: String, _ endpoint: Endpoint) {
        let parts = path.split(separator: "/").map(Part.init)
        if let index = routes.firstIndex(where: { $0.parts == parts }) {
            routes[index].endpoints[method] = endpoint
        } else {
            routes.append(Route(parts: parts, endpoints: [method: endpoint]))
            routes.sort { $0.parameterCount < $1.parameterCount }
        }
    }

    package func match(_ method: String, _ path: [String]) -> Match {
        var others: Set<String> = []
        for route in routes {
            guard let parameters = route.parameters(of: path) else { continue }
            if let endpoint = route.endpoints[method] { return .found(endpoint, parameters: parameters) }
            others.formUnion(route.endpoints.keys)
        }
        return others.isEmpty ? .nothing : .otherMethods(others.sorted())
    }
}
