import HTTP
import Wire

/// Why a request does not get through to a sandbox, in the words of E2B's proxy, which its clients look for.
struct Refusal: Error, Sendable, Hashable {
    var status: Int
    var message: String
    var sandbox: String?
    var port: UInt16?
    /// Whether a person at a browser gets a page; what the agent itself would say is for programs only.
    var mayBePage = true

    static func malformed(_ message: String) -> Refusal { Refusal(status: 400, message: message) }

    static func notFound(_ id: String) -> Refusal {
        Refusal(status: 502, message: "The sandbox was not found", sandbox: id)
    }

    /// Clients know by the first words that it does not run.
    static func paused(_ id: String) -> Refusal {
        Refusal(status: 502, message: "The sandbox was not found among those that run: it is paused", sandbox: id)
    }

    static func stuck(_ id: String) -> Refusal {
        Refusal(status: 502, message: "The sandbox is paused and could not be resumed", sandbox: id)
    }

    static func closed(_ port: UInt16, of id: String) -> Refusal {
        Refusal(status: 502, message: "The sandbox is running but port is not open", sandbox: id, port: port)
    }

    static func noAnswer(from port: UInt16, of id: String) -> Refusal {
        Refusal(
            status: 502,
            message: "The sandbox is running but what listens on the port gave no valid answer",
            sandbox: id,
            port: port
        )
    }

    static func tooMany(_ id: String) -> Refusal {
        Refusal(status: 429, message: "The sandbox has too many open connections", sandbox: id)
    }

    static func trafficToken(_ what: String, of id: String) -> Refusal {
        Refusal(
            status: 403,
            message: "Sandbox is secured with traffic access token. \(what)",
            sandbox: id
        )
    }

    /// As the agent answers where it has nothing, or nothing for those outside.
    static func hidden(_ request: RequestHead) -> Refusal {
        Refusal(
            status: 404,
            message: "There is no '\(request.method) \(request.path)' in this sandbox",
            mayBePage: false
        )
    }

    static func unauthorized(_ message: String) -> Refusal {
        Refusal(status: 401, message: message, mayBePage: false)
    }

    func answer(_ exchange: Exchange) async throws {
        let isBrowser = exchange.request.headers["User-Agent"]?.contains("Mozilla/") == true
        if mayBePage, isBrowser {
            let headers: Headers = ["Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"]
            return try await exchange.respond(status, headers, body: Array(page.utf8))
        }
        try await exchange.respond(status, ["Content-Type": "application/json"], body: body.encoded())
    }

    var body: JSONValue {
        var members: [String: JSONValue] = ["code": .integer(Int64(status)), "message": .string(message)]
        if let sandbox { members["sandboxId"] = .string(sandbox) }
        if let port { members["port"] = .integer(Int64(port)) }
        return .object(members)
    }

    /// Nothing in it comes from the request but an id and a port, of which the forms are known.
    private var page: String {
        let place = [sandbox.map { "Sandbox \($0)" }, port.map { "port \($0)" }].compactMap { $0 }
            .joined(separator: ", ")
        let paragraphs = [place, advice].filter { !$0.isEmpty }.map { "<p>\($0)</p>\n" }.joined()
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(status): \(message)</title>
            <style>
            body { font: 16px/1.5 system-ui, sans-serif; max-width: 34em; margin: 20vh auto; padding: 0 1em; }
            code { font-size: 14px; color: #777; }
            </style>
            </head>
            <body>
            <h1>\(message)</h1>
            \(paragraphs)<code>\(status)</code>
            </body>
            </html>

            """
    }

    private var advice: String {
        switch (status, port) {
        case (502, .some): "Start a server on this port in the sandbox, then load this page again."
        case (502, nil) where self == .paused(sandbox ?? ""): "Whoever started it can let it go on."
        case (502, nil): "It has ended, or was never there. A new one has another address."
        case (403, _): "Whoever started the sandbox has the token that opens its ports."
        case (429, _): "Close some of its pages, or try again in a moment."
        default: "The address of a sandbox's port is <code>PORT-SANDBOX</code> in front of the domain."
        }
    }
}
