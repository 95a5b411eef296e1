// Fuzzes what is kept of a terminal: no input may trap, the pieces in which it comes may not change which modes are known, and
// what is said of them says the same again.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    var whole = TerminalModes()
    whole.read(input[...])
    var pieces = TerminalModes()
    for index in input.indices { pieces.read(input[index...index]) }
    precondition(whole.setting == pieces.setting, "pieces change what is known")
    var again = TerminalModes()
    again.read(whole.setting[...])
    precondition(again.setting == whole.setting, "what is set is read differently")

    var scrollback = Scrollback(limit: 64)
    var rest = input[...]
    while !rest.isEmpty {
        scrollback.append(Array(rest.prefix(7)))
        rest = rest.dropFirst(7)
        precondition(scrollback.replay.count <= 128 + whole.setting.count + 64 * 12, "more is kept than was allowed")
    }
    let kept = scrollback.replay
    precondition(input.suffix(32).elementsEqual(kept.suffix(min(32, input.count))), "the end is lost")
    return 0
}
