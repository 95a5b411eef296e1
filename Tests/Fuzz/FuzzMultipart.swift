// Fuzzes the multipart parser: no input may trap, the pieces in which it comes may not change what it says, and no byte of a
// part may be made up or lost.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    // The first line is the content type.
    let end = input.firstIndex(of: 0x0A) ?? input.count
    let type = String(decoding: input[..<end], as: UTF8.self)
    guard let parser = MultipartParser(contentType: type) ?? MultipartParser(contentType: standard) else { return 0 }
    let body = Array(input[min(end + 1, input.count)...])
    let whole = parse(body, with: parser, inPiecesOf: max(1, body.count))
    precondition(whole == parse(body, with: parser, inPiecesOf: 1), "pieces change what a body says")
    precondition(whole == parse(body, with: parser, inPiecesOf: 7), "pieces change what a body says")
    let size = whole.parts.reduce(0) { $0 + $1.bytes.count }
    precondition(size <= body.count, "there is more in the parts than came")
    for part in whole.parts where part.bytes.count > 0 {
        precondition(body.indices.contains { body[$0...].starts(with: part.bytes) }, "a part has bytes that never came")
    }
    return 0
}

private let standard = "multipart/form-data; boundary=B"

private struct Parsed: Equatable {
    struct Part: Equatable {
        var head: MultipartParser.Part
        var bytes: [UInt8] = []
        var isWhole = false
    }

    var parts: [Part] = []
    var isFinished = false
    var status = 0
}

private func parse(_ body: [UInt8], with parser: MultipartParser, inPiecesOf size: Int) -> Parsed {
    var parser = parser
    var parsed = Parsed()
    var rest = body[...]
    do {
        while !rest.isEmpty {
            let piece = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            for event in try parser.add(piece) {
                switch event {
                case .began(let head): parsed.parts.append(Parsed.Part(head: head))
                case .data(let bytes): parsed.parts[parsed.parts.count - 1].bytes += bytes
                case .ended: parsed.parts[parsed.parts.count - 1].isWhole = true
                }
            }
        }
        try parser.finish()
        parsed.isFinished = true
    } catch {
        // What came before a fault depends on where the pieces end; that there is one does not.
        return Parsed(status: error.status)
    }
    return parsed
}
