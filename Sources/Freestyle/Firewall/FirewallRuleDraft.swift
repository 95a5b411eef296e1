import Egress
import Wire

/// A rule as it was asked for: from where, to where. It can only allow.
struct FirewallRuleDraft: Sendable, Hashable {
    var source: FlowEnd
    var destination: FlowEnd

    init(source: FlowEnd, destination: FlowEnd) {
        self.source = source
        self.destination = destination
    }

    init(_ members: Members) throws {
        // A rule with a typing error would allow more than was meant.
        try members.allow(only: ["source", "destination", "protocol", "port"])
        source = try members.object("source").map { try FlowEnd($0) } ?? FlowEnd()
        destination = try members.object("destination").map { try FlowEnd($0) } ?? FlowEnd()
        if let port = try members.integer("port", in: 1...65_535) { destination.port = UInt16(port) }
        if let transport = try FlowEnd.transport(members) { destination.transport = transport }
    }

    /// Ends that do not say who they are mean the machine that the rule comes with.
    func about(_ vm: String) -> FirewallRuleDraft {
        var rule = self
        if !rule.source.hasIdentity { rule.source.vm = vm }
        if !rule.destination.hasIdentity { rule.destination.vm = vm }
        return rule
    }
}
