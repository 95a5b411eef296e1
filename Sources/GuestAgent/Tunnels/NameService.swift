import HTTP
import Linux
import Synchronization
import Wire

/// Answers the questions for names that the guest's programs ask, by asking the host.
///
/// A line to the host carries one question at a time, and is kept for the next: what comes back needs not be told apart.
final class NameService: Sendable {
    private static let messageLimit = 4096
    /// Questions in flight; what comes on top is lost, and asked again by who wants to know.
    private static let questionLimit = 64
    private static let idleLimit = 4
    private static let patience = Duration.seconds(15)

    private let tunnels: Tunnels
    private let lines = Mutex<(idle: [Tunnels.Tunnel], inUse: Int)>(([], 0))

    init(_ tunnels: Tunnels) {
        self.tunnels = tunnels
    }

    /// Answers until the task is cancelled.
    func run(on socket: DatagramSocket) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                let (question, peer) = try await socket.receive(upTo: Self.messageLimit)
                guard enter() else { continue }
                group.addTask(executorPreference: EventLoop.shared) { [self] in
                    // No answer is what a name server that is not there gives.
                    if let answer = try? await ask(question) { socket.send(answer, to: peer) }
                    leave()
                }
            }
        }
    }

    private func enter() -> Bool {
        lines.withLock { lines in
            guard lines.inUse < Self.questionLimit else { return false }
            lines.inUse += 1
            return true
        }
    }

    private func leave() {
        lines.withLock { $0.inUse -= 1 }
    }

    private func ask(_ question: [UInt8]) async throws -> [UInt8] {
        // A kept line may have ended unnoticed, by a resume for one; a new one is then as good.
        while let line = lines.withLock({ $0.idle.popLast() }) {
            do {
                return try await ask(question, line)
            } catch let error as DeadlineExceeded {
                throw error
            } catch {}
        }
        return try await ask(question, try await tunnels.open(TunnelOpening(.dns, port: 53)))
    }

    private func ask(_ question: [UInt8], _ line: Tunnels.Tunnel) async throws -> [UInt8] {
        do {
            let answer = try await withDeadline(Self.patience) {
                try await line.stream.write([UInt8(question.count >> 8), UInt8(question.count & 0xFF)] + question)
                let length = try await Self.read(2, from: line.stream)
                return try await Self.read(Int(length[0]) << 8 | Int(length[1]), from: line.stream)
            }
            let isKept = lines.withLock { lines in
                guard lines.idle.count < Self.idleLimit else { return false }
                lines.idle.append(line)
                return true
            }
            if !isKept { line.close() }
            return answer
        } catch {
            line.close()
            throw error
        }
    }

    private static func read(_ count: Int, from stream: any ByteStream) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try await stream.read(upTo: count - bytes.count)
            guard !more.isEmpty else { throw HTTPError(502, "The host ended the line for names") }
            bytes += more
        }
        return bytes
    }
}
