import Linux
import Synchronization

/// The connections that a server has now, for one who must end them from outside.
package final class OpenConnections: Sendable {
    private let lines = Mutex<[ObjectIdentifier: Wireline]>([:])

    package init() {}

    func add(_ line: Wireline) {
        lines.withLock { $0[ObjectIdentifier(line)] = line }
    }

    func remove(_ line: Wireline) {
        _ = lines.withLock { $0.removeValue(forKey: ObjectIdentifier(line)) }
    }

    /// All but the one that a request came by. Whoever answers on one that is closed finds its client gone.
    package func others(than exchange: Exchange) -> [any ByteStream] {
        lines.withLock { lines in lines.values.filter { $0 !== exchange.line } }
    }
}
