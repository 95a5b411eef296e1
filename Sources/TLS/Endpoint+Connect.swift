import Linux

extension Endpoint {
    /// Connects to the server, with TLS when the scheme asks for it.
    package func connect() async throws -> any ByteStream {
        switch scheme {
        case .http: return try await Channel.connect(to: .tcp(host == "localhost" ? "127.0.0.1" : host, port))
        case .https: throw TLSError(message: "TLS to '\(host)' is not possible yet")
        }
    }
}

/// A connection that could not be made secure.
package struct TLSError: Error, Sendable, CustomStringConvertible {
    package let message: String
    package var description: String { message }
}
