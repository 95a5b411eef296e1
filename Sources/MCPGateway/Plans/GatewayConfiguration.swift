import Wire

/// The servers that the gateway is to serve as one: `{"NAME": …}`, where a value is one of
///
///     {"apiKey": "…"}                                what a server of the catalogue wants to know
///     {"installCmd", "runCmd", "envs"}               of a repository, named `github/OWNER/NAME`
///     {"command": "…", "args": […], "env": {…}}      a program
///     {"url": "http://127.0.0.1:8000/mcp", "headers": {…}}
///
/// and each may have `tools`, the only ones that may be used, and `timeout`, the seconds that an answer may take.
package struct GatewayConfiguration: Sendable {
    package var plans: [ServerPlan]

    package init(parsing text: String, _ catalogue: Catalogue) throws {
        let document: JSONValue
        do {
            document = try JSONValue(parsing: Array(text.utf8))
        } catch {
            throw ServerFailure("The configuration is not JSON: \(error)")
        }
        guard let servers = (document["mcpServers"] ?? document).object else {
            throw ServerFailure("The configuration is no object with a member for each server")
        }
        plans = try servers.sorted { $0.key < $1.key }.map { try Self.plan($0.key, $0.value, catalogue) }
        let prefixes = Dictionary(grouping: plans, by: \.prefix)
        if let same = prefixes.values.first(where: { $0.count > 1 }) {
            let names = same.map(\.name).joined(separator: "' and '")
            throw ServerFailure("The servers '\(names)' would have tools of the same names; call one of them otherwise")
        }
    }

    private static func plan(_ name: String, _ value: JSONValue, _ catalogue: Catalogue) throws -> ServerPlan {
        guard value.object != nil else { throw ServerFailure("The configuration of '\(name)' is no object") }
        var plan: ServerPlan
        if let command = value["command"]?.string {
            let arguments = (value["args"]?.array ?? []).compactMap(\.string)
            plan = ServerPlan(
                name: name,
                way: .program(
                    [command] + arguments,
                    environment: (value["env"]?.object ?? [:]).compactMapValues(\.string),
                    directory: value["cwd"]?.string
                )
            )
        } else if let url = value["url"]?.string {
            let headers = (value["headers"]?.object ?? [:]).compactMapValues(\.string)
            plan = ServerPlan(name: name, way: .http(url: url, headers: headers))
        } else if let found = try catalogue.plan(repository: name, value) ?? catalogue.plan(name, value) {
            plan = found
        } else {
            throw ServerFailure(
                "There is no server '\(name)': the catalogue knows \(catalogue.names.joined(separator: ", ")); "
                    + "others need a 'command' or a 'url'"
            )
        }
        if let tools = value["tools"]?.array {
            let named = Set(tools.compactMap(\.string))
            plan.tools = plan.tools.map { $0.intersection(named) } ?? named
        }
        if let seconds = value["timeout"]?.number, (1...86_400).contains(seconds) {
            plan.answerTime = .seconds(seconds)
        }
        return plan
    }
}
