import HTTP

/// Watches what a guest sends on one connection, for the names in it.
///
/// TLS names its host once, before it is encrypted. HTTP names one in each request, so its requests are read one by one, as
/// strictly as a server of ours would; their bytes pass unchanged. Anything else passes without being understood.
package struct FirstWords: Sendable {
    /// What may be passed on once every name in `names` has been agreed to.
    package struct Step: Sendable, Hashable {
        package var bytes: [UInt8] = []
        /// In their order; nil stands for a TLS client that names nobody.
        package var names: [Name] = []
    }

    package enum Name: Sendable, Hashable {
        case tls(DomainName?)
        case http(HTTPAuthority)
    }

    /// The bytes can be read in two ways or are too many; nothing more may pass.
    package struct Malformed: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    private enum State {
        /// The bytes so far.
        case unknown([UInt8])
        case http(RequestWatch)
        /// Nothing more is read. Terminal, but for a connection that HTTP has left.
        case opaque
    }

    private var state = State.unknown([])

    package init() {}

    /// Whether the bytes that passed were understood, or no name is to be expected from those that follow.
    package var isOpaque: Bool { if case .opaque = state { true } else { false } }
    package var isHTTP: Bool { if case .http = state { true } else { false } }

    package mutating func add(_ bytes: [UInt8]) throws(Malformed) -> Step {
        switch state {
        case .opaque:
            return Step(bytes: bytes)
        case .unknown(let held):
            return try recognize(held + bytes)
        case .http(var watch):
            let step = try watch.add(bytes)
            state = .http(watch)
            return step
        }
    }

    /// Takes what was held back when the guest has said all: too little to be TLS or a request.
    package mutating func finish() -> [UInt8] {
        guard case .unknown(let held) = state, let first = held.first, !ClientHello.begins(with: first) else {
            return []
        }
        state = .opaque
        return held
    }

    private mutating func recognize(_ bytes: [UInt8]) throws(Malformed) -> Step {
        guard let first = bytes.first else { return Step() }
        if ClientHello.begins(with: first) {
            switch ClientHello.read(bytes) {
            case .incomplete:
                state = .unknown(bytes)
                return Step()
            case .names(let name):
                state = .opaque
                return Step(bytes: bytes, names: [.tls(name)])
            case .malformed:
                throw Malformed(description: "The connection begins like TLS, but with no ClientHello")
            }
        }
        switch RequestWatch.looksLikeRequest(bytes) {
        case true?:
            var watch = RequestWatch()
            let step = try watch.add(bytes)
            state = .http(watch)
            return step
        case false?:
            state = .opaque
            return Step(bytes: bytes)
        case nil:
            state = .unknown(bytes)
            return Step()
        }
    }
}

/// Whom an HTTP request is for.
package struct HTTPAuthority: Sendable, Hashable {
    package enum Host: Sendable, Hashable {
        case name(DomainName)
        case address(IPAddress)
    }

    package let host: Host
    /// Nil when the request names none.
    package let port: UInt16?

    init?(_ text: String) {
        var host = text[...]
        var port: UInt16?
        if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
            let digits = host[host.index(after: colon)...]
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let read = UInt16(digits) else { return nil }
            port = read
            host = host[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            guard let address = IPAddress(String(host.dropFirst().dropLast())) else { return nil }
            self.host = .address(address)
        } else if let address = IPAddress(String(host)) {
            guard address.isV4 else { return nil }
            self.host = .address(address)
        } else {
            guard let name = DomainName(String(host)) else { return nil }
            self.host = .name(name)
        }
        self.port = port
    }
}
