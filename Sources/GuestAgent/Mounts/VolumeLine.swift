import Glibc
import Linux
import Synchronization
import Wire

/// The way from a guest to the files of one volume on its host.
///
/// A tunnel carries the requests; when it is lost, the next one carries those that were not answered once more. So a request may
/// be done twice, which its answer says. Without the host for ``patience`` requests fail, as they do when the volume is gone.
final class VolumeLine: Sendable {
    /// How long programs wait for a host that is away: a daemon that starts again is back before that.
    static let patience = Duration.seconds(120)
    /// How often a volume that was refused is asked for again.
    private static let pause = Duration.seconds(1)

    struct Reply: Sendable {
        let answer: VolumeAnswer
        /// Whether the host may have done it before, and this is about another time.
        let wasRepeated: Bool
    }

    private struct Waiting {
        let frame: [UInt8]
        let reply: CheckedContinuation<Reply, Never>
        var timesSent = 0
    }

    private enum Way {
        /// Waits for a tunnel, and requests for it.
        case seeking
        case open(any ByteStream)
        /// The host is away for too long or refuses; requests fail at once.
        case closed
    }

    private struct State {
        var way = Way.seeking
        var waiting: [UInt64: Waiting] = [:]
        var next: UInt64 = 1
    }

    private let open: @Sendable () async throws -> Tunnels.Tunnel
    private let state = Mutex(State())
    /// Held while one frame is written.
    private let writing = AsyncLock()

    /// - Parameter open: opens a tunnel to the host, or throws when there is none for a while.
    init(_ open: @escaping @Sendable () async throws -> Tunnels.Tunnel) {
        self.open = open
    }

    /// Asks the host, for as long as it takes.
    func ask(_ request: VolumeRequest) async -> Reply {
        let body = request.bytes
        return await withCheckedContinuation { continuation in
            let (stream, frame): ((any ByteStream)?, [UInt8]) = state.withLock { state in
                let id = state.next
                state.next += 1
                let frame = VolumeFrames.frame(id, body)
                var waiting = Waiting(frame: frame, reply: continuation)
                switch state.way {
                case .seeking:
                    state.waiting[id] = waiting
                    return (nil, frame)
                case .open(let stream):
                    waiting.timesSent = 1
                    state.waiting[id] = waiting
                    return (stream, frame)
                case .closed:
                    continuation.resume(returning: Self.unavailable)
                    return (nil, frame)
                }
            }
            guard let stream else { return }
            // The task's owner is the stream: its end ends the write.
            Task(executorPreference: EventLoop.shared) { [self] in await send(frame, on: stream) }
        }
    }

    /// Carries requests until the task is cancelled; then those that wait fail, and all that come.
    func run() async {
        var lost = ContinuousClock.now
        while !Task.isCancelled {
            if let tunnel = try? await open() {
                let end = await withTaskCancellationHandler {
                    await carry(tunnel.stream)
                } onCancel: {
                    tunnel.stream.close()
                }
                tunnel.close()
                switch end {
                case .lost: lost = .now
                case .refused: close()
                case .unanswered: break
                }
                if end == .lost { continue }
            }
            if ContinuousClock.now - lost > Self.patience { close() }
            try? await EventLoop.shared.sleep(for: Self.pause)
        }
        close()
    }

    /// How the use of a tunnel ended.
    private enum End {
        /// After requests were served on it.
        case lost
        /// The host has no such volume for this guest.
        case refused
        case unanswered
    }

    private func carry(_ stream: any ByteStream) async -> End {
        guard let first = try? await stream.read(upTo: 1), let word = first.first else { return .unanswered }
        guard word == VolumeFrames.served else { return .refused }
        let again = state.withLock { state in
            state.way = .open(stream)
            for id in state.waiting.keys { state.waiting[id]?.timesSent += 1 }
            return state.waiting.sorted { $0.key < $1.key }.map(\.value.frame)
        }
        await withTaskGroup { group in
            group.addTask { [self] in
                for frame in again { await send(frame, on: stream) }
            }
            try? await receive(on: stream)
            state.withLock { $0.way = .seeking }
            stream.close()
        }
        return .lost
    }

    private func receive(on stream: any ByteStream) async throws {
        var cutter = VolumeFrameCutter()
        while true {
            let bytes = try await stream.read(upTo: 256 * 1024)
            if bytes.isEmpty { return }
            cutter.add(bytes)
            while let (id, body) = try cutter.next() {
                guard let waiting = state.withLock({ $0.waiting.removeValue(forKey: id) }) else { continue }
                let answer = VolumeAnswer(body) ?? .failed(EIO)
                waiting.reply.resume(returning: Reply(answer: answer, wasRepeated: waiting.timesSent > 1))
            }
        }
    }

    private func send(_ frame: [UInt8], on stream: any ByteStream) async {
        do {
            try await writing.withLock { try await stream.write(frame) }
        } catch {
            // What was not written whole ends the tunnel; the next one carries it.
            stream.close()
        }
    }

    private func close() {
        let waiting = state.withLock { state in
            state.way = .closed
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for waiting in waiting { waiting.reply.resume(returning: Self.unavailable) }
    }

    private static let unavailable = Reply(answer: .failed(EIO), wasRepeated: false)
}
