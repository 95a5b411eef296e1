// Fuzzes the parser of server-sent events: no input may trap, and the pieces in which it comes may not change what it says.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let whole = parse(input, inPiecesOf: max(1, count))
    precondition(whole == parse(input, inPiecesOf: 1), "pieces change what a stream says")
    precondition((whole ?? []).allSatisfy { $0.count <= 512 }, "an event is longer than it may be")
    return 0
}

/// The events; nil when one was too long.
private func parse(_ input: [UInt8], inPiecesOf size: Int) -> [[UInt8]]? {
    var parser = EventStreamParser(limit: 512)
    var events: [[UInt8]] = []
    var rest = input[...]
    while !rest.isEmpty {
        guard let more = try? parser.add(Array(rest.prefix(size))) else { return nil }
        events += more
        rest = rest.dropFirst(size)
    }
    return events
}
