import Linux
import Synchronization

/// A stream whose first bytes were read already, and are read again.
final class HeldStream: ByteStream {
    private let stream: any ByteStream
    private let held: Mutex<ArraySlice<UInt8>>

    init(_ held: [UInt8], before stream: any ByteStream) {
        self.stream = stream
        self.held = Mutex(held[...])
    }

    func read(upTo count: Int) async throws -> [UInt8] {
        let first = held.withLock { held in
            let part = held.prefix(count)
            held = held.dropFirst(part.count)
            return Array(part)
        }
        return first.isEmpty ? try await stream.read(upTo: count) : first
    }

    func write(_ bytes: [UInt8]) async throws { try await stream.write(bytes) }
    func closeWriting() async throws { try await stream.closeWriting() }
    var hasInput: Bool { held.withLock { !$0.isEmpty } || stream.hasInput }
    func close() { stream.close() }
}
