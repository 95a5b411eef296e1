/// The first bytes of a frame: RFC 6455 §5.2. No extension is ever agreed on, so the reserved bits are always zero.
struct FrameHeader: Sendable, Hashable {
    enum Opcode: UInt8, Sendable {
        case continuation = 0
        case text = 1
        case binary = 2
        case close = 8
        case ping = 9
        case pong = 10

        var isControl: Bool { rawValue >= 8 }
    }

    /// The most bytes that a control frame can carry.
    static let controlLimit = 125

    let opcode: Opcode
    let isFinal: Bool
    let length: Int
    /// What the payload is combined with; clients must, servers must not.
    let mask: Mask?

    init(_ opcode: Opcode, isFinal: Bool = true, length: Int, mask: Mask? = nil) {
        self.opcode = opcode
        self.isFinal = isFinal
        self.length = length
        self.mask = mask
    }

    /// Takes a header from the front of `bytes`; nil, and nothing taken, when it is not all there yet.
    init?(_ bytes: inout ArraySlice<UInt8>) throws(WebSocketError) {
        guard bytes.count >= 2 else { return nil }
        let (first, second) = (bytes[bytes.startIndex], bytes[bytes.startIndex + 1])
        guard first & 0x70 == 0 else { throw .broken("A frame has reserved bits set") }
        guard let opcode = Opcode(rawValue: first & 0x0F) else {
            throw .broken("A frame has the unknown opcode \(first & 0x0F)")
        }
        let isFinal = first & 0x80 != 0
        let isMasked = second & 0x80 != 0
        let short = Int(second & 0x7F)
        if opcode.isControl, !isFinal || short > Self.controlLimit {
            throw .broken("A control frame is longer than \(Self.controlLimit) bytes or in fragments")
        }
        let lengthBytes = short == 126 ? 2 : short == 127 ? 8 : 0
        let count = 2 + lengthBytes + (isMasked ? 4 : 0)
        guard bytes.count >= count else { return nil }
        var rest = bytes.dropFirst(2)
        var length = UInt64(short)
        if lengthBytes > 0 {
            length = rest.prefix(lengthBytes).reduce(0) { $0 << 8 | UInt64($1) }
            rest = rest.dropFirst(lengthBytes)
            guard length > (lengthBytes == 2 ? 125 : 65_535), length < 1 << 62 else {
                throw .broken("A frame's length is not in its shortest form, or beyond all measure")
            }
        }
        self.init(
            opcode,
            isFinal: isFinal,
            length: Int(length),
            mask: isMasked ? Mask(Array(rest.prefix(4))) : nil
        )
        bytes = bytes.dropFirst(count)
    }

    var encoded: [UInt8] {
        var bytes = [opcode.rawValue | (isFinal ? 0x80 : 0)]
        let masked: UInt8 = mask == nil ? 0 : 0x80
        switch length {
        case ...125:
            bytes.append(masked | UInt8(length))
        case ...65_535:
            bytes += [masked | 126, UInt8(length >> 8), UInt8(length & 0xFF)]
        default:
            bytes.append(masked | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: length >> shift))
            }
        }
        return bytes + (mask?.key ?? [])
    }
}
