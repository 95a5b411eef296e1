/// How much a peer may ask for, and how long it may take.
package struct WebSocketLimits: Sendable {
    /// Bytes of one message that comes in, over all its frames.
    package var message = 16 * 1024 * 1024
    /// Bytes of one frame that goes out; a Pong can leave between two frames.
    package var frame = 256 * 1024
    /// For the peer to answer a Close, and for its end of the connection to come.
    package var closeTime = Duration.seconds(5)

    package init() {}
}
