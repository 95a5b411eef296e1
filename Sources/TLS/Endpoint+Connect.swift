import Linux

extension Endpoint {
    /// Connects to the server, with TLS when the scheme asks for it, and through the proxy that the environment names.
    ///
    /// - Parameter trust: whom to believe; nil is the system's choice.
    /// - Throws: ``TLSError`` that says at which step it ended, also when `limit` has passed.
    package func connect(trust: TLSTrust? = nil, limit: Duration = .seconds(30)) async throws -> any ByteStream {
        do {
            return try await withDeadline(limit) {
                switch scheme {
                case .http:
                    return try await Self.open(host, port)
                case .https:
                    let trust = try trust ?? TLSTrust.system()
                    return try await TLSStream.connect(over: try await openForTLS(), to: host, trust: trust)
                }
            }
        } catch let error as DeadlineExceeded {
            throw TLSError(.unreachable, "No connection to '\(authority)' came about in time", cause: error)
        } catch let error as LinuxError {
            throw TLSError(.unreachable, "No connection to '\(authority)' came about", cause: error)
        }
    }

    private func openForTLS() async throws -> any ByteStream {
        guard let proxy = Proxy.fromEnvironment(for: host) else { return try await Self.open(host, port) }
        let stream = try await Self.open(proxy.host, proxy.port)
        do {
            try await proxy.carry(stream, to: host, port)
            return stream
        } catch {
            stream.close()
            throw error
        }
    }

    /// Tries the host's addresses in turn.
    private static func open(_ host: String, _ port: UInt16) async throws -> Channel {
        var failure: any Error = TLSError(.unknownHost, "The name '\(host)' has no IPv4 address")
        for address in try await Resolver.addresses(of: host) {
            do {
                return try await Channel.connect(to: .tcp(address, port))
            } catch let error as LinuxError {
                failure = error
            }
        }
        throw failure
    }
}
