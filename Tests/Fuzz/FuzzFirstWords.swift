// Fuzzes the watch over first words: no input may trap, the pieces in which it comes may not change which names are given,
// and no byte passes that was not sent.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let whole = watch(input, inPiecesOf: max(1, count))
    let single = watch(input, inPiecesOf: 1)
    precondition(whole.isMalformed == single.isMalformed, "pieces change what is refused")
    precondition(input.starts(with: single.passed), "a byte passes that was not sent")
    // Of what is refused, less may have passed when it came at once.
    precondition(single.passed.starts(with: whole.passed), "pieces change what passes")
    precondition(single.names.starts(with: whole.names), "pieces change which names are given")
    if !whole.isMalformed {
        precondition(whole.passed == single.passed, "pieces change what passes")
        precondition(whole.names == single.names, "pieces change which names are given")
    }
    _ = ClientHello.read(input)
    return 0
}

private struct Watched {
    var passed: [UInt8] = []
    var names: [FirstWords.Name] = []
    var isMalformed = false
}

private func watch(_ input: [UInt8], inPiecesOf size: Int) -> Watched {
    var words = FirstWords()
    var watched = Watched()
    var rest = input[...]
    do {
        while !rest.isEmpty {
            let step = try words.add(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
            watched.passed += step.bytes
            watched.names += step.names
        }
        watched.passed += words.finish()
    } catch {
        watched.isMalformed = true
    }
    return watched
}
