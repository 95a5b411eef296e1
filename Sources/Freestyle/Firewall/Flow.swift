import Egress
import Wire

/// One end of a firewall rule, or of a connection: what is said of it narrows it, and what is not said leaves it open.
struct FlowEnd: Codable, Sendable, Hashable {
    /// The machine, by its id.
    var vm: String?
    /// Addresses outside.
    var range: String?
    /// Whether it is the public internet.
    var isPublic: Bool?
    var port: UInt16?
    var transport: FirewallRule.TransportProtocol?

    static let names: Set<String> = ["vmId", "vpcId", "tunnelId", "cidr", "public", "port", "protocol"]

    init() {}

    init(_ members: Members) throws {
        try members.allow(only: Self.names)
        if let vpc = try members.string("vpcId") { throw FreestyleError.notFound("There is no VPC '\(vpc)'") }
        if let tunnel = try members.string("tunnelId") {
            throw FreestyleError.notFound("There is no tunnel '\(tunnel)'")
        }
        vm = try members.string("vmId")
        range = try members.string("cidr")
        if let range, AddressRange(range) == nil {
            throw FreestyleError.badRequest(
                "'cidr' must be an address or a range such as 203.0.113.0/24, not '\(range)'"
            )
        }
        isPublic = try members.bool("public")
        port = try members.integer("port", in: 1...65_535).map { UInt16($0) }
        transport = try Self.transport(members)
    }

    static func transport(_ members: Members) throws -> FirewallRule.TransportProtocol? {
        guard let text = try members.string("protocol") else { return nil }
        guard let transport = FirewallRule.TransportProtocol(rawValue: text.lowercased()) else {
            throw FreestyleError.badRequest("'protocol' must be 'tcp', 'udp' or 'icmp', not '\(text)'")
        }
        return transport
    }

    /// Whether it says who it is, and not only which port.
    var hasIdentity: Bool { vm != nil || range != nil || isPublic == true }

    var addresses: AddressRange? { range.flatMap { AddressRange($0) } }

    var document: JSONValue {
        var members: [String: JSONValue] = [:]
        members["vmId"] = vm.map { .string($0) }
        members["cidr"] = range.map { .string($0) }
        members["public"] = isPublic.map { .bool($0) }
        members["port"] = port.map { .integer(Int64($0)) }
        members["protocol"] = transport.map { .string($0.rawValue) }
        return .object(members)
    }
}

extension FirewallRule.TransportProtocol: Codable {}
