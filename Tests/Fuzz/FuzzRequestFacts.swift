// Fuzzes the reader of what a model request says about its cost: no input may trap, what it finds is what a reader of the whole
// finds, and the tokens that are put in the place of those asked for change nothing else.

import Wire

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let facts = try? RequestFacts(input), let whole = try? JSONValue(parsing: input) else { return 0 }
    guard var members = whole.object else { fatalError("what is no object has facts") }
    precondition(facts.model == members["model"]?.string, "the model is another")
    precondition(facts.maxTokens.map(Int64.init) == members["max_tokens"]?.integer, "the tokens are others")
    precondition(facts.terms.isFast == (members["speed"]?.string == "fast"), "the speed is another")
    _ = facts.inputBound(perByte: 0.5)
    guard let place = facts.maxTokensPlace else { return 0 }
    var lowered = input
    lowered.replaceSubrange(place, with: Array("7".utf8))
    members["max_tokens"] = 7
    precondition((try? JSONValue(parsing: lowered)) == .object(members), "something else has changed")
    return 0
}
