import Linux

/// The way from this host to what is outside: how names are found, and how addresses are reached.
///
/// Nothing is decided here; what comes here was allowed.
package struct Outside: Sendable {
    package var resolver: any NameResolving
    package var connect: @Sendable (IPAddress, UInt16) async throws -> any ByteStream

    package init(
        resolver: any NameResolving,
        connect: @escaping @Sendable (IPAddress, UInt16) async throws -> any ByteStream
    ) {
        self.resolver = resolver
        self.connect = connect
    }

    /// As this host's own programs go out.
    package static let internet = Outside(resolver: SystemResolver()) { address, port in
        try await Channel.connect(to: .tcp("\(address)", port))
    }
}
