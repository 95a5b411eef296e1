import Linux
import Synchronization
import Wire

/// Where a guest is reached, as long as it is anywhere: it is elsewhere when its sandbox goes on in another machine.
final class GuestWay: Sendable {
    private let dial = Mutex<(@Sendable () async throws -> any ByteStream)?>(nil)

    /// - Parameter takesMany: whether connections may be made at once; else they are made one after the other.
    func lead(to address: SocketAddress, takesMany: Bool) {
        if takesMany {
            dial.withLock { $0 = { try await Channel.connect(to: address) } }
        } else {
            let dialer = GuestDialer(address)
            dial.withLock { $0 = { try await dialer.connect() } }
        }
    }

    func leadNowhere() {
        dial.withLock { $0 = nil }
    }

    func connect() async throws -> any ByteStream {
        guard let dial = dial.withLock({ $0 }) else {
            throw CallError(.unavailable, "The guest rests; it answers when its sandbox is resumed")
        }
        return try await dial()
    }
}
