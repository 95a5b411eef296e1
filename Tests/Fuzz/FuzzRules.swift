// Fuzzes rules and the requests that they are about: the first line is a rule, the others are a request as its head is. No input
// may trap; a line that is a rule is one that is kept, and what a request carries out has the secret only where the rule says so.

import HTTP
import Linux

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = UnsafeBufferPointer(start: start, count: count)
    let parts = input.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
    guard let rule = try? HeaderRule(line: String(decoding: parts[0], as: UTF8.self)) else { return 0 }
    precondition(rule.headers.count == 1, "a line sets more than one field")
    guard let host = DomainName("good.com"), parts.count > 1,
        let head = try? HeadParser.request(Array(parts[1])[...], limits: HTTPLimits())
    else { return 0 }
    let request = RuledRequest(method: head.method, path: head.path, query: head.originTarget, headers: head.headers)
    let rules = RequestRules([ReadyRule(rule)], host: host)
    guard let open = try? rules.change(request, isSecure: false) else { return 0 }
    guard let change = try? rules.change(request, isSecure: true) else {
        preconditionFailure("TLS changes what is refused")
    }
    precondition(open.applied == change.applied, "TLS changes what applies")
    let canary = "canary of the host"
    let secrets = change.secrets.reduce(into: [:]) { $0[$1] = Secret(canary) }
    guard let out = try? change.headers(with: secrets) else {
        preconditionFailure("a secret without controls is refused")
    }
    let field = (rule.headers.keys.first ?? "").lowercased()
    let others = { (headers: Headers) in headers.fields.filter { $0.name.lowercased() != field } }
    precondition(others(out) == others(head.headers), "another field is changed")
    precondition(change.applied.count <= 1, "a rule applies twice")
    if change.applied.isEmpty { precondition(change.secrets.isEmpty, "a secret goes out without a rule") }
    return 0
}
