import Linux
import RPC
import Synchronization
import Wire

/// Makes the connections to one guest, one after the other.
///
/// QEMU takes them from a queue with room for two. One that comes on top is not refused but lost: it looks connected, and hangs
/// for seconds or for good. So of connections that follow each other closely, every second one asks for the guest's health
/// first; the answer shows that the queue was emptied up to there.
final class GuestDialer: Sendable {
    /// After which QEMU must have taken a connection, however busy it is.
    private static let settlingTime = Duration.milliseconds(250)
    private static let question = "GET /health HTTP/1.1\r\nHost: guest\r\n\r\n"
    private static let answerLimit = 4096

    private let address: SocketAddress
    /// How long a guest may take to answer.
    private let patience: Duration
    private let turn = AsyncLock()
    /// When a connection was made of which nobody knows yet whether it was taken.
    private let unsettled = Mutex<ContinuousClock.Instant?>(nil)

    init(_ address: SocketAddress, patience: Duration = .seconds(10)) {
        self.address = address
        self.patience = patience
    }

    func connect() async throws -> any ByteStream {
        try await turn.withLock { [self] in
            let channel = try await Channel.connect(to: address)
            let isFirst = unsettled.withLock { last in
                let isFirst = last.map { $0.duration(to: .now) > Self.settlingTime } ?? true
                last = isFirst ? .now : nil
                return isFirst
            }
            if isFirst { return channel }
            do {
                try await withDeadline(patience) { try await Self.probe(channel) }
                return channel
            } catch {
                channel.close()
                throw error
            }
        }
    }

    /// Asks and reads the answer exactly, so that the connection is as new.
    private static func probe(_ channel: Channel) async throws {
        try await channel.write(Array(question.utf8))
        var answer: [UInt8] = []
        while !answer.suffix(4).elementsEqual([0x0D, 0x0A, 0x0D, 0x0A]) {
            let bytes = try await channel.read(upTo: answerLimit)
            answer += bytes
            guard !bytes.isEmpty, answer.count <= answerLimit else {
                throw CallError(.unavailable, "The guest did not answer when it was asked for its health")
            }
        }
        guard answer.starts(with: Array("HTTP/1.1 204 ".utf8)) else {
            throw CallError(.unavailable, "The guest said that it is not well")
        }
    }
}
