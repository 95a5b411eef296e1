// Fuzzes the envelope decoder: no input may trap, and the pieces in which it comes may not change what it says.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let whole = decode(input, inPiecesOf: max(1, count))
    precondition(whole == decode(input, inPiecesOf: 1), "pieces change what a stream says")
    if let whole, !whole.isEmpty {
        precondition(input.starts(with: whole.flatMap(\.encoded)), "an envelope was read that was not written")
    }
    return 0
}

private func decode(_ input: [UInt8], inPiecesOf size: Int) -> [Envelope]? {
    var decoder = EnvelopeDecoder()
    var envelopes: [Envelope] = []
    var rest = input[...]
    do {
        while !rest.isEmpty {
            decoder.add(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
            while let envelope = try decoder.next() { envelopes.append(envelope) }
        }
    } catch {
        return nil
    }
    return envelopes
}
