import Access
import Egress
import FoundationEssentials
import Wire

/// A rule that holds.
struct StoredRule: Codable, Sendable, Hashable {
    var id: String
    var owner: Owner
    var source: FlowEnd
    var destination: FlowEnd
    var created: Date

    var document: JSONValue {
        [
            "id": .string(id), "source": source.document, "destination": destination.document,
            "createdAt": .time(created),
        ]
    }

    /// The machines that it is about: it dies with any of them.
    var machines: Set<String> { Set([source.vm, destination.vm].compactMap { $0 }) }

    /// What it lets out of a machine; nil when it is not about that.
    func outgoing(from vm: String) -> FirewallRule? {
        guard source.vm == nil || source.vm == vm, destination.vm == nil else { return nil }
        guard source.vm != nil || !source.hasIdentity else { return nil }
        return FirewallRule(
            id: id,
            range: destination.addresses,
            port: destination.port,
            transport: destination.transport ?? source.transport
        )
    }
}
