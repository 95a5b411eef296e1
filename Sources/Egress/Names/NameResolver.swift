import Glibc
import Linux
import Synchronization

/// Finds the addresses of a name.
package protocol NameResolving: Sendable {
    /// The addresses, in order of preference; empty when there are none.
    func addresses(of name: DomainName) async throws -> [IPAddress]
}

/// The resolver of this host, with a short memory.
///
/// The host's own search list is never applied: a sandbox's `db` is not the host's `db.corp.example`.
package final class SystemResolver: NameResolving {
    package static let lifetime = Duration.seconds(30)
    private static let entryLimit = 4096

    private struct Entry {
        let addresses: [IPAddress]
        let time: ContinuousClock.Instant
    }

    private let entries = Mutex<[DomainName: Entry]>([:])
    /// Each question holds a thread until it is answered.
    private let permits = AsyncSemaphore(16)
    private let limit: Duration

    package init(limit: Duration = .seconds(10)) {
        self.limit = limit
    }

    package func addresses(of name: DomainName) async throws -> [IPAddress] {
        let known = entries.withLock { $0[name] }
        if let known, known.time.duration(to: .now) < Self.lifetime { return known.addresses }
        let addresses = try await withDeadline(limit) { [permits] in
            let answer = Latch<[IPAddress]>()
            // The task's owner is the question, which can not be taken back: it ends when it is answered.
            Task {
                let found = try? await permits.withPermit { try await BlockingPool.run { Self.ask(name) } }
                answer.set(found ?? [])
            }
            return try await answer.value()
        }
        entries.withLock { entries in
            if entries.count >= Self.entryLimit {
                entries = entries.filter { $0.value.time.duration(to: .now) < Self.lifetime }
                if entries.count >= Self.entryLimit { entries = [:] }
            }
            entries[name] = Entry(addresses: addresses, time: .now)
        }
        return addresses
    }

    private static func ask(_ name: DomainName) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        // The dot at the end makes it a whole name.
        guard getaddrinfo("\(name.text).", nil, &hints, &first) == 0 else { return [] }
        defer { if let first { freeaddrinfo(first) } }
        var addresses: [IPAddress] = []
        var next = first
        while let entry = next?.pointee {
            next = entry.ai_next
            if let raw = entry.ai_addr, let address = IPAddress(raw), !addresses.contains(address) {
                addresses.append(address)
            }
        }
        return addresses
    }
}
