/// The first part of a request.
package struct RequestHead: Sendable, Hashable {
    package var method: String
    /// As it stood in the request line, percent-encoded.
    package var target: String
    package var headers: Headers
    /// 1 for HTTP/1.1, 0 for HTTP/1.0.
    package var minorVersion = 1

    package init(method: String, target: String, headers: Headers = [:]) {
        self.method = method
        self.target = target
        self.headers = headers
    }

    /// The target without its query.
    package var path: String { String(target.prefix { $0 != "?" }) }

    /// The path's parts, split *before* they are decoded, so that an encoded slash stays inside its part.
    package var pathParts: [String] {
        path.split(separator: "/").map { PercentEncoding.decode(String($0)) ?? String($0) }
    }

    /// The query's items; a plus sign is a space.
    package var query: [String: String] {
        guard let mark = target.firstIndex(of: "?") else { return [:] }
        var items: [String: String] = [:]
        for item in target[target.index(after: mark)...].split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let texts = pair.map { text in
                let spaced = String(text.map { $0 == "+" ? " " : $0 })
                return PercentEncoding.decode(spaced) ?? spaced
            }
            items[texts[0]] = texts.count > 1 ? texts[1] : ""
        }
        return items
    }

    func encoded() -> [UInt8] {
        encode(line: "\(method) \(target) HTTP/1.1", headers)
    }
}

/// The first part of a response.
package struct ResponseHead: Sendable, Hashable {
    package var status: Int
    package var headers: Headers
    package var minorVersion = 1

    package init(status: Int, headers: Headers = [:]) {
        self.status = status
        self.headers = headers
    }

    func encoded() -> [UInt8] {
        encode(line: "HTTP/1.1 \(status) \(Self.reason(status))", headers)
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 507: "Insufficient Storage"
        default: "Status"
        }
    }
}

/// A value with a line end in it would be a second field; such bytes are dropped where fields are written.
private func encode(line: String, _ headers: Headers) -> [UInt8] {
    var bytes = Array(line.utf8)
    bytes += [0x0D, 0x0A]
    for field in headers.fields {
        bytes += field.name.utf8
        bytes += [0x3A, 0x20]
        bytes += field.value.utf8.filter { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
        bytes += [0x0D, 0x0A]
    }
    bytes += [0x0D, 0x0A]
    return bytes
}
