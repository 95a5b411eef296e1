// Fuzzes the WebSocket decoder: no input may trap, the pieces in which it comes may not change what it says, and what was read
// and written again says the same.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    for role in [Role.client, .server] {
        let whole = decode(input, inPiecesOf: max(1, count), role)
        precondition(whole == decode(input, inPiecesOf: 1, role), "pieces change what a stream says")
        // The other way round: what was understood is said by the other end, in frames of its own.
        let encoder = MessageEncoder(role: role == .client ? .server : .client, frameLimit: 7)
        let again = decode(whole.events.flatMap { encode($0, encoder) }, inPiecesOf: 3, role)
        precondition(again.events == whole.events && again.code == nil, "what was written is read differently")
    }
    return 0
}

private struct Decoded: Equatable {
    var events: [MessageDecoder.Event] = []
    var code: CloseCode?
}

private func decode(_ input: [UInt8], inPiecesOf size: Int, _ role: Role) -> Decoded {
    var decoder = MessageDecoder(role, limit: 1000)
    var decoded = Decoded()
    var rest = input[...]
    do {
        while !rest.isEmpty {
            decoder.add(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
            while let event = try decoder.next() {
                decoded.events.append(event)
                if case .close = event { return decoded }
            }
        }
    } catch {
        decoded.code = error.code
    }
    return decoded
}

private func encode(_ event: MessageDecoder.Event, _ encoder: MessageEncoder) -> [UInt8] {
    switch event {
    case .message(let message): encoder.frames(of: message).flatMap { $0 }
    case .ping(let payload): encoder.frame(.ping, payload)
    case .pong(let payload): encoder.frame(.pong, payload)
    case .close(let closing): encoder.frame(.close, closing.payload)
    }
}
