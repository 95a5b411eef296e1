/// Why a WebSocket was closed: RFC 6455 §7.4.
package struct CloseCode: RawRepresentable, Sendable, Hashable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The purpose of the connection has been fulfilled.
    package static let normal = CloseCode(rawValue: 1000)
    /// The server stops, or the page was left.
    package static let goingAway = CloseCode(rawValue: 1001)
    package static let protocolError = CloseCode(rawValue: 1002)
    /// A kind of message that this endpoint has no use for.
    package static let unsupportedData = CloseCode(rawValue: 1003)
    /// Text that is no UTF-8.
    package static let invalidData = CloseCode(rawValue: 1007)
    package static let policyViolation = CloseCode(rawValue: 1008)
    package static let messageTooBig = CloseCode(rawValue: 1009)
    package static let internalError = CloseCode(rawValue: 1011)
    package static let tryAgainLater = CloseCode(rawValue: 1013)

    /// Whether an endpoint may send it; the others only say locally how a connection ended.
    var isSendable: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}

/// What a Close frame says.
package struct Closing: Sendable, Hashable {
    /// Nil when the frame was empty.
    package let code: CloseCode?
    package let reason: String

    /// A reason longer than a control frame holds is cut between two characters.
    package init(_ code: CloseCode?, _ reason: String = "") {
        self.code = code
        var reason = reason
        while reason.utf8.count > FrameHeader.controlLimit - 2 { reason.removeLast() }
        self.reason = code == nil ? "" : reason
    }

    init(payload: [UInt8]) throws(WebSocketError) {
        if payload.isEmpty {
            self.init(nil)
            return
        }
        guard payload.count >= 2 else { throw .broken("A Close frame has half a code") }
        let code = CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
        guard code.isSendable else { throw .broken("A Close frame has the code \(code.rawValue), which is never sent") }
        guard let reason = String(validating: payload[2...], as: UTF8.self) else {
            throw WebSocketError(.invalidData, "The reason in a Close frame is not UTF-8")
        }
        self.init(code, reason)
    }

    var payload: [UInt8] {
        guard let code, code.isSendable else { return [] }
        return [UInt8(code.rawValue >> 8), UInt8(truncatingIfNeeded: code.rawValue)] + reason.utf8
    }
}
