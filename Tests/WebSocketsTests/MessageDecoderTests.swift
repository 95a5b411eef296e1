import Testing

@testable import WebSockets

@Suite struct `a decoder of messages` {
    private typealias Event = MessageDecoder.Event

    /// What a client's decoder makes of a server's bytes, and the code with which it gives up; all at once and byte by byte.
    private func decode(_ bytes: [UInt8], as role: Role = .client, limit: Int = 1000) -> ([Event], CloseCode?) {
        let (whole, single) = (decode([bytes], role, limit), decode(bytes.map { [$0] }, role, limit))
        #expect(whole.0 == single.0 && whole.1 == single.1)
        return whole
    }

    private func decode(_ pieces: [[UInt8]], _ role: Role, _ limit: Int) -> ([Event], CloseCode?) {
        var decoder = MessageDecoder(role, limit: limit)
        var events: [Event] = []
        do {
            for piece in pieces {
                decoder.add(piece)
                while let event = try decoder.next() { events.append(event) }
            }
        } catch {
            return (events, error.code)
        }
        return (events, nil)
    }

    // The examples of RFC 6455 §5.7.
    @Test func `reads the frames of the protocol's own examples`() {
        #expect(decode([0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]).0 == [.message(.text("Hello"))])
        let masked: [UInt8] = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]
        #expect(decode(masked, as: .server).0 == [.message(.text("Hello"))])
        let fragments: [UInt8] = [0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F]
        #expect(decode(fragments).0 == [.message(.text("Hello"))])
        #expect(decode([0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]).0 == [.ping(Array("Hello".utf8))])
        let bytes = pattern(256)
        #expect(decode([0x82, 0x7E, 0x01, 0x00] + bytes).0 == [.message(.binary(bytes))])
    }

    @Test func `lets control frames in between fragments`() {
        let bytes: [UInt8] = [0x01, 0x01, 0x61, 0x89, 0x00, 0x00, 0x00, 0x8A, 0x01, 0x01, 0x80, 0x01, 0x62]
        #expect(decode(bytes).0 == [.ping([]), .pong([1]), .message(.text("ab"))])
    }

    @Test(arguments: [
        ("reserved bits", [0xC1, 0x00]), ("opcode 3", [0x83, 0x00]), ("opcode 11", [0x8B, 0x00]),
        ("a masked frame from a server", [0x81, 0x80, 0, 0, 0, 0]), ("a Ping in fragments", [0x09, 0x00]),
        ("a long Ping", [0x89, 0x7E, 0x00, 0x7E]), ("a continuation of nothing", [0x80, 0x00]),
        ("a message inside another", [0x01, 0x01, 0x61, 0x81, 0x01, 0x62]),
        ("16 bits for a short length", [0x82, 0x7E, 0x00, 0x7D]),
        ("64 bits for a shorter length", [0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
        ("a negative length", [0x82, 0x7F, 0x80, 0, 0, 0, 0, 0, 0, 0]), ("half a code", [0x88, 0x01, 0x03]),
        ("code 1005", [0x88, 0x02, 0x03, 0xED]), ("code 999", [0x88, 0x02, 0x03, 0xE7]),
        ("code 5000", [0x88, 0x02, 0x13, 0x88]),
    ])
    func `refuses what breaks the rules`(what: String, bytes: [UInt8]) {
        #expect(decode(bytes).1 == .protocolError, "\(what)")
    }

    @Test func `refuses a client's frame without a mask`() {
        #expect(decode([0x81, 0x00], as: .server).1 == .protocolError)
    }

    @Test func `refuses too much before it has come`() {
        #expect(decode([0x82, 0x7E, 0x03, 0xE9]).1 == .messageTooBig)
        let fragments: [UInt8] = [0x02, 0x7E, 0x03, 0xE8] + pattern(1000) + [0x80, 0x01]
        #expect(decode(fragments).1 == .messageTooBig)
        #expect(decode([0x82, 0x7E, 0x03, 0xE8] + pattern(1000)).0.count == 1)
    }

    /// Overlong forms, surrogates, what lies behind Unicode, bytes that never occur, and cut characters.
    @Test(arguments: [
        [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
        [0xF4, 0x90, 0x80, 0x80], [0xF5], [0xFF], [0x80], [0x61, 0xC3], [0xE2, 0x82], [0xC3, 0x28],
    ])
    func `refuses text that is no UTF-8`(text: [UInt8]) {
        #expect(decode([0x81, UInt8(text.count)] + text).1 == .invalidData)
        #expect(decode([0x88, UInt8(text.count + 2), 0x03, 0xE8] + text).1 == .invalidData)
        #expect(decode([0x82, UInt8(text.count)] + text).0 == [.message(.binary(text))])
    }

    @Test func `notices wrong text before the message has ended`() {
        #expect(decode([0x01, 0x7E, 0x01, 0x00, 0x61, 0xFF]).1 == .invalidData)
    }

    @Test func `reads characters that are cut by fragments`() {
        var bytes: [UInt8] = []
        let text = Array("aä€𝄞".utf8)
        for (index, byte) in text.enumerated() {
            bytes += [index == 0 ? 0x01 : index == text.count - 1 ? 0x80 : 0x00, 0x01, byte]
        }
        #expect(decode(bytes).0 == [.message(.text("aä€𝄞"))])
    }

    @Test(arguments: [0, 1, 125, 126, 65_535, 65_536, 200_001], [Role.client, .server])
    func `reads what an encoder wrote`(count: Int, role: Role) {
        let encoder = MessageEncoder(role: role, frameLimit: 70_000)
        let message = Message.binary(pattern(count))
        let frames = encoder.frames(of: message)
        #expect(frames.count == max(1, (count + 69_999) / 70_000))
        let (events, code) = decode(frames, role == .client ? .server : .client, 1_000_000)
        #expect(events == [.message(message)] && code == nil)
    }

    @Test func `reads how the peer closes`() {
        #expect(decode([0x88, 0x00]).0 == [.close(Closing(nil))])
        #expect(
            decode([0x88, 0x05, 0x0B, 0xB9, 0x62, 0x79, 0x65]).0 == [
                .close(Closing(CloseCode(rawValue: 3001), "bye"))
            ]
        )
        // A reason that is too long is cut between characters.
        #expect(Closing(.normal, String(repeating: "ä", count: 100)).payload.count == 124)
    }

    @Test func `hashes as FIPS 180-4 says and accepts as RFC 6455 says`() {
        #expect(SHA1.hash(Array("abc".utf8)).prefix(4) == [0xA9, 0x99, 0x3E, 0x36])
        #expect(Handshake.accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }
}
