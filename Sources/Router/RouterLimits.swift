import HTTP

/// How much the router does for one sandbox.
package struct RouterLimits: Sendable {
    /// Requests and streams that are open at once.
    package var connections = 1000
    /// Ports to which connections are kept for the next request.
    package var ports = 64
    /// Connections to one port that are being made at once. Small servers have room for five that wait, and what comes on top
    /// of that waits for seconds.
    package var connecting = 4
    /// For a guest to take a connection to one of its ports.
    package var connectTime = Duration.seconds(15)
    /// For the answer to a client that has ended its side, before it counts as gone.
    package var farewellTime = Duration.seconds(5)
    /// What a guest may send before it counts as lying.
    package var guest = HTTPLimits()

    package init() {
        // Half of this is the age at which a kept connection is not used again; many servers end theirs after five seconds.
        guest.idleTime = .seconds(4)
    }
}
