import Linux
import Synchronization

/// A connection that was allowed, for as long as it lasts.
final class OpenConnection: Sendable {
    struct Counts: Sendable {
        var sent = 0
        var received = 0
        /// What ended it before its time.
        var cut: EgressDecision?
    }

    private let place: Mutex<IPAddress>
    let port: UInt16
    /// The names that it was allowed by; empty when its address decided.
    private let names: Mutex<Set<DomainName>>
    let counts = Mutex(Counts())
    private let guest: any ByteStream
    private let outside: Mutex<(any ByteStream)?>

    init(_ guest: any ByteStream, to address: IPAddress, _ port: UInt16, names: Set<DomainName>) {
        self.guest = guest
        place = Mutex(address)
        self.port = port
        self.names = Mutex(names)
        outside = Mutex(nil)
    }

    var address: IPAddress { place.withLock { $0 } }

    /// Takes over the connection that was made outside; false when this one was cut meanwhile.
    func attach(_ stream: any ByteStream, at address: IPAddress) -> Bool {
        place.withLock { $0 = address }
        outside.withLock { $0 = stream }
        if counts.withLock({ $0.cut == nil }) { return true }
        stream.close()
        return false
    }

    func add(_ name: DomainName) {
        names.withLock { _ = $0.insert(name) }
    }

    func decision(by policy: CompiledPolicy, _ host: Set<IPAddress>) -> EgressDecision {
        let names = names.withLock { $0 }
        let address = address
        // Every name that was used must hold: the connection serves all of them.
        for name in names {
            let decision = policy.decide(name: name, address: address, port: port, host: host)
            if !decision.isAllowed { return decision }
        }
        return policy.decide(name: names.first, address: address, port: port, host: host)
    }

    /// Whether the policy still allows it; notes what does not.
    func isAllowed(by policy: CompiledPolicy, _ host: Set<IPAddress>) -> Bool {
        let decision = decision(by: policy, host)
        if !decision.isAllowed { counts.withLock { $0.cut = $0.cut ?? decision } }
        return decision.isAllowed
    }

    func cut(_ decision: EgressDecision? = nil) {
        counts.withLock { $0.cut = $0.cut ?? decision ?? .denied(.fallback) }
        guest.close()
        outside.withLock { $0 }?.close()
    }
}
