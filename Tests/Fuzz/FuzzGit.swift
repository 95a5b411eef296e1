// Fuzzes what git pushes, and rules for it: the first line is a rule, the rest the body of a push. No input may trap; what was read
// of a beginning stays true of the whole; and a reader as lenient as git's own finds no other refs in it.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = UnsafeBufferPointer(start: start, count: count)
    let parts = input.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
    let rule = try? GitRule(line: String(decoding: parts[0], as: UTF8.self))
    if let rule {
        precondition(rule.path.hasPrefix("/") && !rule.path.contains("//"), "a path has two spellings")
        precondition((try? GitRule(line: rule.description)) == rule, "a rule is told as another")
        precondition(!rule.allows(pushTo: "HEAD") && !rule.allows(pushTo: "refs/"), "what is no ref is allowed")
    }
    guard parts.count > 1 else { return 0 }
    let body = Array(parts[1])
    let whole = PushRequest.read(body)
    for cut in stride(from: 0, to: body.count, by: max(1, body.count / 7)) {
        let part = PushRequest.read(body[..<cut])
        precondition(part == .incomplete || part == whole, "more bytes change what was read")
    }
    guard case .whole(let push) = whole else { return 0 }
    precondition(push.refs == lenientRefs(body), "two readers read two things")
    if let rule, rule.fault(of: push) == nil {
        precondition(push.refs.allSatisfy { rule.allows(pushTo: $0) }, "a ref goes out that is not allowed")
    }
    if let answer = push.refusal({ _ in "no" }) {
        precondition(answer.suffix(4).elementsEqual("0000".utf8), "an answer has no end")
    }
    return 0
}

/// Whatever stands behind the second space of each packet before the first flush.
private func lenientRefs(_ bytes: [UInt8]) -> [String] {
    var rest = bytes[...]
    var refs: [String] = []
    while rest.count >= 4 {
        guard let length = Int(String(decoding: rest.prefix(4), as: UTF8.self), radix: 16), length >= 4 else { break }
        let line = rest.dropFirst(4).prefix(length - 4).prefix { $0 != 0 }
        rest = rest.dropFirst(length)
        if line.starts(with: "shallow ".utf8) { continue }
        let words = line.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count == 3 else { continue }
        refs.append(String(decoding: words[2].last == 0x0A ? words[2].dropLast() : words[2], as: UTF8.self))
    }
    return refs
}
