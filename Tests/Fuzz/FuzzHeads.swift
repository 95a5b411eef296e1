// Fuzzes the cutting and parsing of heads: no input may trap, and no accepted head may be read differently by a second reader.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let limits = HTTPLimits()
    let whole = parse(input, inPiecesOf: max(1, count), limits)
    precondition(whole == parse(input, inPiecesOf: 1, limits), "pieces change what a head says")
    if let whole {
        // Written and read again, it is the same request with the same framing.
        guard let again = parse(whole.encoded(), inPiecesOf: .max, limits) else {
            fatalError("an accepted head is refused")
        }
        precondition(again.method == whole.method && again.target == whole.target, "the request line has changed")
        precondition(again.headers == whole.headers, "the fields have changed")
        _ = try? BodyFraming.request(whole)
        _ = (whole.path, whole.host, whole.pathParts, whole.query)
    }
    _ = try? HeadParser.response(input[...], limits: limits)
    return 0
}

private func parse(_ input: [UInt8], inPiecesOf size: Int, _ limits: HTTPLimits) -> RequestHead? {
    var cutter = HeadCutter(.request, limit: limits.head)
    var buffer: ArraySlice<UInt8> = []
    var rest = input[...]
    do {
        while !rest.isEmpty {
            buffer += rest.prefix(size)
            rest = rest.dropFirst(size)
            if let head = try cutter.next(&buffer) {
                let parsed = try HeadParser.request(head, limits: limits)
                // Versions differ in framing alone; what is written is always HTTP/1.1, which wants a Host.
                return parsed.minorVersion == 1 ? parsed : nil
            }
        }
    } catch {}
    return nil
}
