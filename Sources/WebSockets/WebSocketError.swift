/// A WebSocket that can not be gone on with, or could not be opened.
package struct WebSocketError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What the peer is told. Nil when there is nobody to tell: the connection broke, or was never one.
    package let code: CloseCode?
    package let message: String

    package init(_ code: CloseCode?, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }

    static func broken(_ message: String) -> WebSocketError { WebSocketError(.protocolError, message) }
}
