// Fuzzes what reads requests of Freestyle's API: paths, filters, rules of the firewall and questions to it. No input may trap, and
// no rule may open what is never open.

import Egress
import FoundationEssentials
import Wire

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = UnsafeBufferPointer(start: start, count: count)
    let text = String(decoding: input, as: UTF8.self)
    if let path = try? GuestPath(text) {
        precondition(path.text.hasPrefix("/") && !path.text.split(separator: "/").contains(".."), "a path leads up")
        precondition((try? GuestPath(path.text)) == path, "a path changes when it is read again")
    }
    _ = try? MetadataPairs.read(text)
    guard let document = try? JSONValue(parsing: input), let members = document.object.map({ Members($0) }) else {
        return 0
    }
    if let content = try? FileContent.bytes(members) { precondition(content.count <= FileContent.limit) }
    var limits = VMLimits()
    if (try? limits.change(members)) != nil { precondition(limits.ttl ?? 1 > 0, "a limit is none") }
    var rules: [StoredRule] = []
    if let draft = try? FirewallRuleDraft(members).about("vm") {
        precondition(draft.source.hasIdentity && draft.destination.hasIdentity, "an end of a rule means nobody")
        rules.append(
            StoredRule(
                id: "rule",
                owner: .installation,
                source: draft.source,
                destination: draft.destination,
                created: Date(timeIntervalSince1970: 0)
            )
        )
    }
    for closed in ["127.0.0.1", "10.0.2.2", "169.254.169.254", "::1"] {
        let question: JSONValue = ["source": ["vmId": "vm"], "destination": ["cidr": .string(closed), "port": 80]]
        guard let question = try? FirewallDecision.Question(Members(question.object ?? [:])) else { continue }
        if case .allowed = FirewallDecision(question, rules) { preconditionFailure("a rule opened \(closed)") }
    }
    if let question = try? FirewallDecision.Question(members) { _ = FirewallDecision(question, rules).document }
    return 0
}
