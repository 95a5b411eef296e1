import HTTP
import Wire

/// What a request of the sandbox plane is for, by its host and its two headers.
enum Destination: Sendable, Hashable {
    /// Not for a sandbox.
    case elsewhere
    case port(UInt16, ofSandbox: String)
    /// For the files of whichever sandbox the signature fits: E2B's signed URLs name none when they lead to one fixed host.
    case signedFile
    case malformed(String)
}

/// Tells what requests are for.
///
///     <port>-<id>[-suffix].<domain>      that port of that sandbox; the headers mean nothing
///     <port>-i….<any other domain>       the same, where the id has the form of Martlet's own
///     api.<domain>                       never a sandbox
///     every other host                   by the headers; without them, a sandbox only for `sandbox.<domain>`
struct Destinations: Sendable {
    private let domain: String

    /// - Parameter domain: with or without a port.
    init(domain: String) {
        self.domain = HostName(domain).name
    }

    func destination(of request: RequestHead) -> Destination {
        let host = HostName(request.host ?? "")
        if host.name.hasSuffix(".\(domain)") {
            let label = host.firstLabel
            if label == "api" { return .elsewhere }
            if label != "sandbox" { return Self.named(by: label) ?? .malformed("Invalid host") }
            return named(by: request.headers) ?? signed(request) ?? .malformed("missing header \(SandboxHeaders.id)")
        }
        if host.hasMoreLabels, let foreign = Self.named(by: host.firstLabel), foreign.isOurs { return foreign }
        return named(by: request.headers) ?? signed(request) ?? .elsewhere
    }

    // MARK: By host

    private static func named(by label: String) -> Destination? {
        let parts = label.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 2, let port = port(parts[0]), isID(parts[1]) else { return nil }
        return .port(port, ofSandbox: String(parts[1]))
    }

    // MARK: By headers

    /// Nil when there is neither header.
    private func named(by headers: Headers) -> Destination? {
        let (ids, ports) = (headers.values(SandboxHeaders.id), headers.values(SandboxHeaders.port))
        if ids.isEmpty, ports.isEmpty { return nil }
        guard let text = ids.first else { return .malformed("missing header \(SandboxHeaders.id)") }
        // What some older clients append names the node that once had the sandbox.
        guard ids.count == 1, let id = text.split(separator: "-", omittingEmptySubsequences: false).first,
            Self.isID(id)
        else { return .malformed("Invalid sandbox ID") }
        guard let number = ports.first else { return .malformed("missing header \(SandboxHeaders.port)") }
        guard ports.count == 1, let port = Self.port(Substring(number)) else {
            return .malformed("Invalid sandbox port")
        }
        return .port(port, ofSandbox: String(id))
    }

    private func signed(_ request: RequestHead) -> Destination? {
        request.path == "/files" && request.query["signature"] != nil ? .signedFile : nil
    }

    // MARK: Forms

    private static func port(_ text: Substring) -> UInt16? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(text), port > 0
        else { return nil }
        return port
    }

    private static func isID(_ text: Substring) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
    }
}

extension Destination {
    /// Whether the id has the form that Martlet gives its own: a host of somebody else's domain may look like a port and an id
    /// by chance, as `10-0-0-1.example.com` does.
    fileprivate var isOurs: Bool {
        if case .port(_, let id) = self { id.hasPrefix("i") && id.utf8.count == 21 } else { false }
    }
}

/// The name in a `Host` field: lower-case, without port and final dot.
struct HostName: Sendable, Hashable {
    let name: String

    init(_ text: String) {
        let text = text.lowercased()
        // An IPv6 address has colons of its own, and brackets around it.
        var name = text.hasPrefix("[") ? text[...] : text.prefix { $0 != ":" }
        if name.hasSuffix(".") { name.removeLast() }
        self.name = String(name)
    }

    var firstLabel: String { String(name.prefix { $0 != "." }) }
    var hasMoreLabels: Bool { name.contains(".") }
}
