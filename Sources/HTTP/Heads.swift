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

    /// The target without its query; of an absolute target, such as a proxy gets, what follows the authority.
    package var path: String {
        let path = afterAuthority.prefix { $0 != "?" }
        return path.isEmpty ? "/" : String(path)
    }

    /// Path and query: what to ask the server itself for, in whatever form the target came.
    package var originTarget: String {
        let rest = afterAuthority
        return rest.hasPrefix("?") || rest.isEmpty ? "/\(rest)" : String(rest)
    }

    /// Whom the request is for: the authority of an absolute target, which RFC 9112 §3.2.2 puts above the Host field.
    package var host: String? {
        guard let authority = absoluteRest else { return headers["Host"] }
        return String(authority.prefix { $0 != "/" && $0 != "?" })
    }

    /// Whether a page of another site asks, in a browser: such a page must not reach a server on this machine by a name that it
    /// made resolve to it.
    package var isFromForeignPage: Bool {
        guard let origin = headers["Origin"] else { return false }
        guard let host = headers["Host"] else { return true }
        return origin != "http://\(host)" && origin != "https://\(host)"
    }

    private var afterAuthority: Substring {
        absoluteRest.map { $0.drop { $0 != "/" && $0 != "?" } } ?? target[...]
    }

    /// What follows `http://`, in a target that begins so.
    private var absoluteRest: Substring? {
        for scheme in ["http://", "https://"] where target.lowercased().hasPrefix(scheme) {
            return target.dropFirst(scheme.count)
        }
        return nil
    }

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
        var line = method.utf8.filter(HeadParser.isToken) + [0x20]
        for byte in target.utf8 {
            if byte > 0x20, byte < 0x7F {
                line.append(byte)
            } else {
                line += PercentEncoding.escape(byte).utf8
            }
        }
        return encode(line: line + Array(" HTTP/1.1".utf8), headers)
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
        encode(line: Array("HTTP/1.1 \(status) \(Self.reason(status))".utf8), headers)
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
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

/// A line end in a target, a name or a value would be a second field or request; what could be one is escaped or dropped
/// where heads are written.
private func encode(line: [UInt8], _ headers: Headers) -> [UInt8] {
    var bytes = line
    bytes += [0x0D, 0x0A]
    for field in headers.fields {
        bytes += field.name.utf8.filter(HeadParser.isToken)
        bytes += [0x3A, 0x20]
        bytes += field.value.utf8.filter { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
        bytes += [0x0D, 0x0A]
    }
    bytes += [0x0D, 0x0A]
    return bytes
}
