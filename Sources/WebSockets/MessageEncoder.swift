/// Makes frames of what is to be said. A value without I/O.
struct MessageEncoder: Sendable {
    let role: Role
    /// A longer message leaves in several frames, so that a Pong need not wait for all of it.
    let frameLimit: Int

    /// The frames of one message, each to be written whole.
    func frames(of message: Message) -> [[UInt8]] {
        let opcode: FrameHeader.Opcode
        switch message {
        case .text: opcode = .text
        case .binary: opcode = .binary
        }
        let bytes = message.bytes
        guard bytes.count > frameLimit else { return [frame(opcode, bytes)] }
        let starts = stride(from: 0, to: bytes.count, by: frameLimit)
        return starts.map { start in
            let end = min(start + frameLimit, bytes.count)
            return frame(start == 0 ? opcode : .continuation, Array(bytes[start..<end]), isFinal: end == bytes.count)
        }
    }

    func frame(_ opcode: FrameHeader.Opcode, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
        let mask = role == .client ? Mask.random() : nil
        let header = FrameHeader(opcode, isFinal: isFinal, length: payload.count, mask: mask)
        var payload = payload
        mask?.apply(to: &payload)
        return header.encoded + payload
    }
}
