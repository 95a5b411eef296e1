/// What one peer says to the other.
package enum Message: Sendable, Hashable {
    case text(String)
    case binary([UInt8])

    package var bytes: [UInt8] {
        switch self {
        case .text(let text): Array(text.utf8)
        case .binary(let bytes): bytes
        }
    }
}

/// Which end of a connection this is.
package enum Role: Sendable, Hashable {
    case client, server
}

/// Makes messages of the bytes that come in. A value without I/O; the bytes may come in any pieces.
struct MessageDecoder: Sendable {
    enum Event: Sendable, Hashable {
        case message(Message)
        case ping([UInt8])
        case pong([UInt8])
        /// Nothing that follows has a meaning.
        case close(Closing)
    }

    private let role: Role
    private let limit: Int
    private var buffer: ArraySlice<UInt8> = []
    /// The frame whose payload is coming.
    private var frame: FrameHeader?
    /// How many bytes of the frame's payload were taken.
    private var taken = 0
    /// The payload of the control frame that is coming.
    private var control: [UInt8] = []
    /// The message whose frames are coming.
    private var message: Partial?

    private struct Partial: Sendable {
        let isText: Bool
        var bytes: [UInt8] = []
        var check = UTF8Check()
    }

    /// - Parameters:
    ///   - role: who reads here: a server wants masks, a client must not get any.
    ///   - limit: the most bytes of one message.
    init(_ role: Role, limit: Int) {
        self.role = role
        self.limit = limit
    }

    mutating func add(_ bytes: [UInt8]) {
        buffer = buffer.isEmpty ? bytes[...] : buffer + bytes
    }

    /// The next thing that was said; nil when more bytes are needed.
    ///
    /// - Throws: ``WebSocketError`` with the code to close with; the decoder is of no use then.
    mutating func next() throws(WebSocketError) -> Event? {
        while true {
            if frame == nil {
                guard let header = try FrameHeader(&buffer) else { return nil }
                try begin(header)
            }
            guard let frame else { return nil }
            try takePayload(of: frame)
            guard taken == frame.length else { return nil }
            self.frame = nil
            if let event = try end(frame) { return event }
        }
    }

    private mutating func begin(_ header: FrameHeader) throws(WebSocketError) {
        guard (header.mask != nil) == (role == .server) else {
            throw .broken(role == .server ? "A client's frame is not masked" : "A server's frame is masked")
        }
        switch header.opcode {
        case .text, .binary:
            guard message == nil else { throw .broken("A message begins inside another") }
            message = Partial(isText: header.opcode == .text)
        case .continuation:
            guard message != nil else { throw .broken("A continuation has nothing to continue") }
        case .close, .ping, .pong:
            control = []
        }
        // Said by the header already, before a byte is kept.
        if !header.opcode.isControl, header.length > limit - (message?.bytes.count ?? 0) {
            throw WebSocketError(.messageTooBig, "A message is longer than \(limit) bytes")
        }
        frame = header
        taken = 0
    }

    private mutating func takePayload(of frame: FrameHeader) throws(WebSocketError) {
        var bytes = Array(buffer.prefix(frame.length - taken))
        if bytes.isEmpty { return }
        buffer = buffer.dropFirst(bytes.count)
        frame.mask?.apply(to: &bytes, offset: taken)
        taken += bytes.count
        if frame.opcode.isControl {
            control += bytes
        } else if message?.isText == true, message?.check.add(bytes) == false {
            throw WebSocketError(.invalidData, "A text message is not UTF-8")
        } else {
            message?.bytes += bytes
        }
    }

    private mutating func end(_ frame: FrameHeader) throws(WebSocketError) -> Event? {
        switch frame.opcode {
        case .ping: return .ping(control)
        case .pong: return .pong(control)
        case .close: return .close(try Closing(payload: control))
        case .text, .binary, .continuation:
            guard frame.isFinal, let whole = message else { return nil }
            message = nil
            guard whole.isText else { return .message(.binary(whole.bytes)) }
            guard whole.check.isComplete else {
                throw WebSocketError(.invalidData, "A text message ends inside a character")
            }
            return .message(.text(String(decoding: whole.bytes, as: UTF8.self)))
        }
    }
}
