import HTTP
import Sandboxes
import Testing

@testable import E2B

@Suite struct `the table of routes` {
    private func table() -> RouteTable<String> {
        var table = RouteTable<String>()
        table.add("GET", "/sandboxes/{id}", "info")
        table.add("DELETE", "/sandboxes/{id}", "kill")
        table.add("GET", "/sandboxes/metrics", "metrics")
        table.add("GET", "/templates/aliases/{alias}", "alias")
        table.add("GET", "/templates/{id}/tags", "tags")
        return table
    }

    private func match(_ method: String, _ target: String) -> String {
        switch table().match(method, RequestHead(method: method, target: target).pathParts) {
        case .found(let name, let parameters):
            "\(name) \(parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ","))"
        case .otherMethods(let methods): "only \(methods.joined(separator: ","))"
        case .nothing: "nothing"
        }
    }

    @Test(arguments: [
        ("GET", "/sandboxes/i1", "info id=i1"), ("DELETE", "/sandboxes/i1?x=1", "kill id=i1"),
        ("GET", "/sandboxes/metrics", "metrics "), ("GET", "/sandboxes/i%2F1", "info id=i/1"),
        ("GET", "/templates/aliases/ns%2Fmy-tpl", "alias alias=ns/my-tpl"),
        ("GET", "/templates/team%2Fsnap%3Adefault/tags", "tags id=team/snap:default"),
        ("POST", "/sandboxes/i1", "only DELETE,GET"), ("GET", "/sandboxes", "nothing"),
        ("GET", "/sandboxes/i/1", "nothing"), ("GET", "/", "nothing"), ("GET", "*", "nothing"),
    ])
    func `splits a path before it decodes it`(_ method: String, _ target: String, _ expected: String) {
        #expect(match(method, target) == expected)
    }
}

@Suite struct `a query` {
    @Test func `is decoded once; a name may be there twice`() throws {
        let query = Query(of: "/x?a=1&b=c%26d+e&a=2,3&empty=&flag")
        #expect(query["b"] == "c&d e")
        #expect(query.list("a") == ["1", "2", "3"])
        #expect(query["empty"] == nil && query["flag"] == nil && query["none"] == nil)
        #expect(Query(of: "/x")["a"] == nil)
    }

    @Test(arguments: ["x", "1.5", "-1", "101", "9999999999999999999999"])
    func `refuses a number that is none or out of range`(_ text: String) {
        let query = Query(of: "/x?n=\(text)")
        #expect(throws: RESTError.badRequest("'n' must be an integer from 1 to 100")) {
            try query.integer("n", in: 1...100)
        }
    }

    @Test func `refuses a word that is no choice`() {
        #expect(throws: RESTError.badRequest("'o' must be one of 'desc', 'asc'")) {
            try Query(of: "/x?o=up").choice("o", SandboxQuery.Order.self)
        }
    }
}

@Suite struct `a refusal` {
    @Test func `is JSON with a code, a message and perhaps an error code`() throws {
        let answer = try RESTError(409, "No \"x\"/y", errorCode: "why", shouldRetry: false).answer
        #expect(answer.status == 409)
        #expect(answer.headers["Content-Type"] == "application/json")
        #expect(answer.headers["Should-Retry"] == "false")
        #expect(
            String(decoding: answer.body, as: UTF8.self) == #"{"code":409,"error_code":"why","message":"No \"x\"/y"}"#
        )
        let plain = try RESTError(404, "No").answer
        #expect(String(decoding: plain.body, as: UTF8.self) == #"{"code":404,"message":"No"}"#)
        #expect(plain.headers["Should-Retry"] == nil)
    }

    @Test func `of one sandbox too many is final`() throws {
        let answer = try RESTError(SandboxError(.tooMany, "enough") as any Error).answer
        #expect(answer.status == 429)
        #expect(answer.headers["Should-Retry"] == "false")
    }

    @Test(arguments: [
        ("", "The body can not be read. Line 1, column 1 is no JSON: the text ends where a value should be"),
        ("{", "The body can not be read. Line 1, column 2 is no JSON: here should be a name in double quotes"),
        ("[1]", "The body must be an object"),
        ("{}", "'templateID' is missing"), (#"{"templateID":1}"#, "'templateID' must be a string"),
        (#"{"templateID":null}"#, "'templateID' must be a string, not null"),
        (#"{"templateID":"x","timeout":"5"}"#, "'timeout' must be an integer"),
        (#"{"templateID":"x","metadata":{"a":1}}"#, "'metadata.a' must be a string"),
        (#"{"templateID":"x","network":{"allowOut":"all"}}"#, "'network.allowOut' must be a list"),
        (#"{"templateID":"x","autoPause":1}"#, "'autoPause' must be true or false"),
        (#"{"templateID":"x","autoResume":{}}"#, "'autoResume.enabled' is missing"),
    ])
    func `of a body says which member is wrong`(_ body: String, _ message: String) {
        #expect(throws: RESTError.badRequest(message)) {
            try Request.decode(NewSandboxModel.self, Array(body.utf8))
        }
    }
}
