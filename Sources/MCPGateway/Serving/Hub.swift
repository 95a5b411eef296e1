import Linux
import Wire

/// Several servers as one: what they list is merged, and what is asked goes to whom it concerns.
///
/// Tools and prompts have their server's name before their own: `SERVER__TOOL`. Resources keep their addresses.
struct Hub: Sendable {
    private static let mark = "__"

    let backends: [Backend]
    /// False where there is only one: its tools then have their own names.
    var isPrefixed = true

    /// What the gateway can do, whatever its servers can: they come and go.
    var capabilities: JSONValue {
        [
            "tools": ["listChanged": true], "prompts": ["listChanged": true],
            "resources": ["listChanged": true, "subscribe": true], "logging": [:], "completions": [:],
        ]
    }

    /// What the servers say about their use, each under its name.
    var instructions: String? {
        let all = backends.compactMap { backend in
            backend.offer?.instructions.map { isPrefixed ? "\(prefix(of: backend))…: \($0)" : $0 }
        }
        return all.isEmpty ? nil : all.joined(separator: "\n\n")
    }

    /// The result of a request.
    ///
    /// - Throws: ``RPCFailure``, `CancellationError`.
    func result(
        of method: String,
        _ params: JSONValue,
        progress: (@Sendable (JSONValue) -> Void)?
    ) async throws -> JSONValue {
        switch method {
        case "ping": return [:]
        case "tools/list", "prompts/list", "resources/list", "resources/templates/list":
            guard let kind = Offer.Kind(rawValue: method) else { return [:] }
            return try await list(kind, params)
        case "tools/call", "prompts/get":
            let (backend, own) = try backend(named: params["name"]?.string ?? "", "name")
            if method == "tools/call", let tools = backend.plan.tools, !tools.contains(own) {
                throw RPCFailure(
                    RPCFailure.invalidParams,
                    "The tool '\(own)' of '\(backend.plan.name)' is not allowed here"
                )
            }
            return try await backend.ask(method, params.replacing("name", with: .string(own)), progress: progress)
        case "resources/read", "resources/subscribe", "resources/unsubscribe":
            return try await resource(method, params, progress)
        case "completion/complete":
            guard let name = params["ref"]?["name"]?.string else { return try await resource(method, params, progress) }
            let (backend, own) = try backend(named: name, "ref.name")
            let reference = (params["ref"] ?? [:]).replacing("name", with: .string(own))
            return try await backend.ask(method, params.replacing("ref", with: reference), progress: progress)
        case "logging/setLevel":
            for backend in backends where backend.offer?.has("logging") == true {
                _ = try? await backend.ask(method, params)
            }
            return [:]
        default:
            throw RPCFailure(RPCFailure.methodNotFound, "There is no method '\(method)' here")
        }
    }

    private func list(_ kind: Offer.Kind, _ params: JSONValue) async throws -> JSONValue {
        if let cursor = params["cursor"], cursor != .null {
            throw RPCFailure(RPCFailure.invalidParams, "There is no such cursor: the list has one page")
        }
        var all: [JSONValue] = []
        for backend in backends {
            for entry in backend.offer?.lists[kind] ?? [] {
                switch kind {
                case .tools, .prompts:
                    guard let name = entry["name"]?.string else { continue }
                    all.append(entry.replacing("name", with: .string(prefix(of: backend) + name)))
                case .resources, .templates:
                    all.append(entry)
                }
            }
        }
        return [kind.member: .array(all)]
    }

    private func prefix(of backend: Backend) -> String { isPrefixed ? backend.plan.prefix + Self.mark : "" }

    private func backend(named name: String, _ member: String) throws -> (Backend, String) {
        for backend in backends where name.hasPrefix(prefix(of: backend)) {
            return (backend, String(name.dropFirst(prefix(of: backend).count)))
        }
        throw RPCFailure(RPCFailure.invalidParams, "No server here has what '\(member)' says: '\(name)'")
    }

    /// Asks the server that lists a resource; of others, those that have templates, until one knows it.
    private func resource(
        _ method: String,
        _ params: JSONValue,
        _ progress: (@Sendable (JSONValue) -> Void)?
    ) async throws -> JSONValue {
        let uri = params["uri"] ?? params["ref"]?["uri"]
        let lister = backends.first { $0.offer?.lists[.resources]?.contains { $0["uri"] == uri } == true }
        if let lister { return try await lister.ask(method, params, progress: progress) }
        var failure = RPCFailure(RPCFailure.invalidParams, "No server here has the resource '\(uri?.string ?? "")'")
        for backend in backends where backend.offer?.lists[.templates]?.isEmpty == false {
            do {
                return try await backend.ask(method, params, progress: progress)
            } catch let error as RPCFailure {
                failure = error
            }
        }
        throw failure
    }
}

extension JSONValue {
    fileprivate func replacing(_ member: String, with value: JSONValue) -> JSONValue {
        guard var members = object else { return self }
        members[member] = value
        return .object(members)
    }
}
