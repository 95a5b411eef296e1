/// Which names led a sandbox to which addresses: what it connects to an address for is then known, also where its protocol does
/// not say. A value; its owner guards it.
struct AnsweredNames: Sendable {
    /// So many that no honest program gets there, and few enough to be kept for every sandbox.
    private static let addressLimit = 4096
    private static let nameLimit = 16

    private var names: [IPAddress: [DomainName]] = [:]
    /// The addresses in the order in which they were first answered.
    private var order: [IPAddress] = []
    private var oldest = 0

    mutating func add(_ name: DomainName, _ addresses: [IPAddress]) {
        for address in addresses {
            guard var known = names[address] else {
                names[address] = [name]
                order.append(address)
                continue
            }
            if known.last == name { continue }
            known.removeAll { $0 == name }
            known.append(name)
            names[address] = known.suffix(Self.nameLimit)
        }
        while names.count > Self.addressLimit {
            names.removeValue(forKey: order[oldest])
            oldest += 1
        }
        if oldest > Self.addressLimit {
            order.removeFirst(oldest)
            oldest = 0
        }
    }

    /// The names that led to `address`, the last first.
    func names(for address: IPAddress) -> [DomainName] {
        names[address]?.reversed() ?? []
    }
}
