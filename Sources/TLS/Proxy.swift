import FoundationEssentials
import Linux

/// An HTTP proxy that carries connections to other hosts by `CONNECT`.
package struct Proxy: Sendable {
    package let host: String
    package let port: UInt16
    private let authorization: Secret?

    /// Reads `[http://][user:password@]host[:port]`; nil for anything else, also for proxies that are reached by TLS.
    package init?(_ url: String) {
        var rest = url[...]
        if let mark = rest.firstRange(of: "://") {
            guard rest[..<mark.lowerBound].lowercased() == "http" else { return nil }
            rest = rest[mark.upperBound...]
        }
        rest = rest.prefix { $0 != "/" }
        if let at = rest.lastIndex(of: "@") {
            guard let user = String(rest[..<at]).removingEscapes else { return nil }
            authorization = Secret(Data(user.utf8).base64EncodedString())
            rest = rest[rest.index(after: at)...]
        } else {
            authorization = nil
        }
        guard let endpoint = Endpoint(url: "http://\(rest)") else { return nil }
        host = endpoint.host
        port = endpoint.port
    }

    /// The proxy that this process's environment names for TLS connections to `host`, if any.
    package static func fromEnvironment(for host: String, variable: (String) -> String? = Program.variable) -> Proxy? {
        let exceptions = variable("no_proxy") ?? variable("NO_PROXY") ?? ""
        guard let url = variable("https_proxy") ?? variable("HTTPS_PROXY"), !isExcepted(host, exceptions) else {
            return nil
        }
        return Proxy(url)
    }

    /// A comma-separated list of names, each also for all names below it; `*` is every name.
    static func isExcepted(_ host: String, _ list: String) -> Bool {
        let host = host.lowercased()
        if host == "localhost" || host.hasPrefix("127.") { return true }
        return list.lowercased().split(whereSeparator: { $0 == "," || $0 == " " }).contains { entry in
            let name = entry.drop { $0 == "*" || $0 == "." }
            return entry == "*" || (!name.isEmpty && (host == name || host.hasSuffix(".\(name)")))
        }
    }

    /// Makes `stream`, a connection to the proxy, one to `host`.
    func carry(_ stream: any ByteStream, to host: String, _ port: UInt16) async throws {
        var head = "CONNECT \(host):\(port) HTTP/1.1\r\nHost: \(host):\(port)\r\n"
        authorization?.exposed { head += "Proxy-Authorization: Basic \($0)\r\n" }
        try await stream.write(Array("\(head)\r\n".utf8))
        // Byte by byte: what follows the head is the host's.
        let end = Array("\r\n\r\n".utf8)
        var answer: [UInt8] = []
        while !answer.suffix(4).elementsEqual(end) {
            let next = try await stream.read(upTo: 1)
            guard !next.isEmpty, answer.count < 16_384 else {
                throw TLSError(.proxy, "The proxy '\(self.host)' did not answer when asked for '\(host)'")
            }
            answer += next
        }
        let words = String(decoding: answer.prefix { $0 != 0x0D }, as: UTF8.self).split(separator: " ")
        guard words.count > 1, words[0].hasPrefix("HTTP/1."), words[1].count == 3, words[1].hasPrefix("2") else {
            throw TLSError(
                .proxy,
                "The proxy '\(self.host)' refused a connection to '\(host)': \(words.joined(separator: " "))"
            )
        }
    }
}

extension String {
    /// Without percent-escapes; nil when one is broken.
    fileprivate var removingEscapes: String? {
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let digits = String(rest.prefix(2)), rest.count >= 2, let value = UInt8(digits, radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
