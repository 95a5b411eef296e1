import FoundationEssentials
import HTTP
import Linux
import ScriptedModel
import Synchronization
import Wire

/// A scripted model in this process, which plays each agent the script that its requests name.
final class Model: Sendable {
    /// The gateway hands on what begins like this.
    static let header = "Anthropic-Test-Script"

    let url: String
    private let scripts = Mutex<[String: ScriptedModelServer]>([:])
    private let heads = Mutex<[String: [RequestHead]]>([:])
    private let bodies = Mutex<[JSONValue]>([])

    private init(url: String) {
        self.url = url
    }

    static func with(_ body: @Sendable @escaping (Model) async throws -> Void) async throws {
        let listener = try Listener(.loopback(0))
        let model = Model(url: "http://\(listener.address)")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await HTTPServer { try await model.answer($0) }.run(on: listener) }
            defer {
                group.cancelAll()
                listener.close()
            }
            try await body(model)
        }
    }

    /// Adds a script and gives the name that requests for it bear.
    func add(_ script: JSONValue) throws -> String {
        let name = Random.name(12)
        let server = ScriptedModelServer(script: try Script(document: script)) { _ in }
        scripts.withLock { $0[name] = server }
        return name
    }

    /// Plays `script` to agents that name none: programs that were not written for this test.
    func play(_ script: JSONValue) throws {
        let server = ScriptedModelServer(script: try Script(document: script)) { [self] played in
            if let body = played.body { bodies.withLock { $0.append(body) } }
        }
        scripts.withLock { $0[""] = server }
    }

    /// What agents that name no script have asked so far.
    var asked: [JSONValue] { bodies.withLock { $0 } }

    /// The requests that all agents made.
    var requests: [RequestHead] { heads.withLock { $0.values.flatMap(\.self) } }

    private func answer(_ exchange: Exchange) async throws {
        let name = exchange.request.headers[Self.header] ?? ""
        heads.withLock { $0[name, default: []].append(exchange.request) }
        guard let server = scripts.withLock({ $0[name] }) else { throw HTTPError(404, "There is no script '\(name)'") }
        try await server.handle(exchange)
    }
}

/// Steps that scripts are made of.
enum Say {
    static func text(_ text: String) -> JSONValue { ["text": .string(text)] }

    static func bash(_ command: String) -> JSONValue {
        ["tools": [["name": "Bash", "input": ["command": .string(command)]]]]
    }

    /// Hands over a result.
    static func result(_ result: JSONValue) -> JSONValue {
        ["tools": [["name": "${resultTool}", "input": result]]]
    }

    static func fault(_ fault: JSONValue) -> JSONValue { ["fault": fault] }

    /// A command that does not end by itself.
    static let forever = bash("tail -f /dev/null")

    static func steps(_ steps: JSONValue...) -> JSONValue { ["steps": .array(steps)] }
}
