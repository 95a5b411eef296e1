// Fuzzes the schema reader and the validator: the input is a schema, a zero byte, and an instance. No input may trap or run
// away, and two readings of one schema find the same faults.

import Schemas
import Wire

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    guard
        let document = parts.first.flatMap({ try? JSONValue(parsing: Array($0)) }),
        let schema = try? JSONSchema(document),
        let instance = try? JSONValue(parsing: Array(parts.count == 2 ? parts[1] : []))
    else { return 0 }
    let faults = schema.validate(instance)
    guard let again = try? JSONSchema(document).validate(instance) else { fatalError("a schema is refused now") }
    precondition(faults.map(\.message) == again.map(\.message), "the faults have changed")
    return 0
}
