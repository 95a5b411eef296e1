// Fuzzes the JSON reader and writer: no input may trap, and what was read and written again says the same.

import Wire

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let value = try? JSONValue(parsing: input) else { return 0 }
    for text in [value.encoded(), value.encoded(pretty: true)] {
        guard let again = try? JSONValue(parsing: text) else { fatalError("what was written is refused") }
        precondition(again == value, "the value has changed")
    }
    return 0
}
