import Egress
import Wire

/// What is asked of a sandbox's network: who may come in, and what may go out.
struct NetworkWishes: Sendable {
    let ingress: IngressPolicy
    let egress: EgressPolicy

    /// - Throws: ``RESTError`` with status 400 for what no server could fulfil, else 501 for what this one can not.
    init(_ network: NetworkModel?, allowsInternet: Bool? = nil, otherwise standard: EgressPolicy) throws {
        let network = network ?? NetworkModel()
        try Self.check(network)
        try Self.refuseMissing(network)
        egress = try Self.egress(network, allowsInternet, standard)
        ingress = IngressPolicy(
            allowsPublicTraffic: network.allowPublicTraffic ?? true,
            maskedHost: network.maskRequestHost.flatMap { $0.isEmpty ? nil : $0 },
            tlsPorts: Set((network.httpsPorts ?? []).compactMap { UInt16(exactly: $0) })
        )
    }

    private static func check(_ network: NetworkModel) throws {
        let deny = network.denyOut ?? []
        for entry in deny where AddressRange(entry) == nil {
            throw RESTError.badRequest("'network.denyOut': '\(entry)' is neither an IP address nor a CIDR block")
        }
        for entry in network.allowOut ?? [] where AddressRange(entry) == nil {
            guard isHostPattern(entry) else {
                throw RESTError.badRequest("'network.allowOut': '\(entry)' is no IP address, CIDR block or domain")
            }
            guard deny.contains("0.0.0.0/0") else {
                throw RESTError.badRequest(
                    "'network.allowOut' may name the domain '\(entry)' only when 'network.denyOut' has '0.0.0.0/0'"
                )
            }
        }
        for entry in network.dnsServers ?? [] where AddressRange(entry)?.isSingle != true || entry.contains("/") {
            throw RESTError.badRequest("'network.dnsServers': '\(entry)' is no IP address")
        }
        for port in network.httpsPorts ?? [] where !(1...65_535).contains(port) {
            throw RESTError.badRequest("'network.httpsPorts': \(port) is no port")
        }
        if let host = network.maskRequestHost, !isHost(host) {
            throw RESTError.badRequest(
                "'network.maskRequestHost': '\(host)' is no host name; '${PORT}' stands for the port"
            )
        }
    }

    /// Where it is not said whether the internet is allowed, what no list names is as the installation has it.
    private static func egress(
        _ network: NetworkModel,
        _ allowsInternet: Bool?,
        _ standard: EgressPolicy
    ) throws -> EgressPolicy {
        do throws(EgressError) {
            var policy = try EgressPolicy.e2b(
                allowOut: network.allowOut ?? [],
                denyOut: network.denyOut ?? [],
                allowsInternet: allowsInternet ?? true
            )
            if allowsInternet == nil { policy.fallback = standard.fallback }
            policy.headerRules = try headerRules(network)
            return policy
        } catch {
            throw RESTError.badRequest("'network': \(error.message)")
        }
    }

    private static func refuseMissing(_ network: NetworkModel) throws {
        if network.dnsServers?.isEmpty == false {
            throw RESTError.missing("name servers for sandboxes ('network.dnsServers')")
        }
        if network.egressProxy != nil { throw RESTError.missing("proxies for sandboxes ('network.egressProxy')") }
    }

    private static func headerRules(_ network: NetworkModel) throws(EgressError) -> [HeaderRule]? {
        var rules: [HeaderRule] = []
        for (host, list) in (network.rules ?? [:]).sorted(by: { $0.key < $1.key }) {
            for rule in list {
                rules.append(
                    try HeaderRule(
                        id: "rules \(host)",
                        host: host,
                        methods: rule.methods,
                        path: rule.path,
                        conditions: rule.headers,
                        headers: rule.transform?.headers ?? [:]
                    )
                )
            }
        }
        return rules.isEmpty ? nil : rules
    }

    /// Letters, digits, dashes and dots; `*` for any name, or in the place of the first label.
    private static func isHostPattern(_ text: String) -> Bool {
        if text == "*" { return true }
        let name = text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
        return (1...253).contains(name.utf8.count) && name.utf8.allSatisfy { isHostByte($0) } && !name.hasPrefix(".")
            && !name.hasPrefix("-")
    }

    /// A name and perhaps a port, with `${PORT}` anywhere.
    private static func isHost(_ text: String) -> Bool {
        text.utf8.count <= 253 && text.replacing("${PORT}", with: "0").utf8.allSatisfy { isHostByte($0) || $0 == 0x3A }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}
