import FoundationEssentials

/// Something that a sandbox tried, and what came of it.
package struct EgressEvent: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// A name was to be looked up.
        case question(DomainName?)
        /// A connection was tried; with ``Kind/ended(sent:received:)`` to follow if it was allowed.
        case connection
        /// A request was opened, and a rule set fields in it.
        case changed(rule: String, method: String, path: String)
        /// A request was opened, and went out with a placeholder in it: no rule lets the secret go there.
        case misplaced(method: String, path: String)
        /// An allowed connection could not be made.
        case unreachable(String)
        /// A connection that was allowed is over.
        case ended(sent: Int, received: Int)
        /// A connection that was allowed was cut: its names, or a new policy, do not allow it.
        case cut(sent: Int, received: Int)
    }

    package let time: Date
    package let sandboxID: String
    package let kind: Kind
    package let name: DomainName?
    package let address: IPAddress?
    package let port: UInt16?
    package let decision: EgressDecision
}

/// Where a guest's connection wants to go.
package enum EgressDestination: Sendable, Hashable {
    case name(DomainName)
    case address(IPAddress)

    /// Reads what a guest's program gave as host.
    package init?(_ host: String) {
        if let address = IPAddress(host) {
            self = .address(address)
        } else if let name = DomainName(host) {
            self = .name(name)
        } else {
            return nil
        }
    }
}
