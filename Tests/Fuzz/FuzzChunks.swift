// Fuzzes the chunked decoder: no input may trap, and the pieces in which it comes may not change what it says.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let whole = decode(input, inPiecesOf: max(1, count), upTo: .max)
    precondition(whole == decode(input, inPiecesOf: 1, upTo: .max), "pieces change what a body says")
    precondition(whole == decode(input, inPiecesOf: 3, upTo: 2), "small reads change what a body says")
    return 0
}

private struct Decoded: Equatable {
    var bytes: [UInt8] = []
    var isFinished = false
    var status = 0
    /// How many bytes behind the body are left for the next message.
    var left = 0
}

private func decode(_ input: [UInt8], inPiecesOf size: Int, upTo count: Int) -> Decoded {
    var decoder = ChunkedDecoder(limits: HTTPLimits())
    var decoded = Decoded()
    var buffer: ArraySlice<UInt8> = []
    var rest = input[...]
    do {
        while !rest.isEmpty, !decoder.isFinished {
            buffer += rest.prefix(size)
            rest = rest.dropFirst(size)
            while !buffer.isEmpty, !decoder.isFinished { decoded.bytes += try decoder.next(&buffer, upTo: count) }
        }
        decoded.isFinished = decoder.isFinished
        decoded.left = buffer.count + rest.count
    } catch {
        decoded.status = error.status
    }
    return decoded
}
