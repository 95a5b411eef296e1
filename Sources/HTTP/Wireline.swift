import Linux
import Synchronization

/// A byte stream with the bytes that were read from it and not yet used.
final class Wireline: ByteStream {
    private let stream: any ByteStream
    private let unread = Mutex<ArraySlice<UInt8>>([])
    /// A `100 Continue` goes out when a body is first read, which may be while another task writes the answer.
    private let writing = AsyncLock()
    /// Set by the first write that failed: part of it may be out, so nothing may follow it.
    private let writeFailure = Mutex<(any Error)?>(nil)

    init(_ stream: any ByteStream) {
        self.stream = stream
    }

    func read(upTo count: Int) async throws -> [UInt8] {
        let held: [UInt8]? = unread.withLock { unread in
            if unread.isEmpty { return nil }
            let bytes = Array(unread.prefix(count))
            unread = unread.dropFirst(bytes.count)
            return bytes
        }
        if let held { return held }
        return try await stream.read(upTo: count)
    }

    /// Reads into the unread bytes; false at the end.
    func fill() async throws -> Bool {
        let bytes = try await stream.read(upTo: 65_536)
        unread.withLock { $0 += bytes }
        return !bytes.isEmpty
    }

    var unreadCount: Int { unread.withLock { $0.count } }
    var hasUnread: Bool { unreadCount > 0 }
    var hasInput: Bool { hasUnread || stream.hasInput }

    /// Lets `body` consume from the unread bytes.
    func consume<Result>(_ body: (inout ArraySlice<UInt8>) throws(HTTPError) -> Result) throws(HTTPError) -> Result {
        var bytes = unread.withLock { unread in
            defer { unread = [] }
            return unread
        }
        defer { unread.withLock { $0 = bytes } }
        return try body(&bytes)
    }

    /// Reads up to and with the empty line that ends a head; nil when the stream ends before its first byte.
    func readHead(_ kind: HeadCutter.Kind, _ limits: HTTPLimits) async throws -> ArraySlice<UInt8>? {
        var cutter = HeadCutter(kind, limit: limits.head)
        while true {
            var next = cutter
            if let head = try consume({ (bytes) throws(HTTPError) in try next.next(&bytes) }) { return head }
            cutter = next
            if try await !fill() {
                if hasUnread { throw HTTPError.badRequest("The connection ended inside a head") }
                return nil
            }
        }
    }

    func write(_ bytes: [UInt8]) async throws {
        try await write(bytes, if: { true })
    }

    /// Writes if `isWanted` still says so when it is this write's turn.
    func write(_ bytes: [UInt8], if isWanted: @Sendable () -> Bool) async throws {
        try await writing.withLock { [self] in
            if let failure = writeFailure.withLock({ $0 }) { throw failure }
            guard isWanted() else { return }
            do {
                try await stream.write(bytes)
            } catch {
                writeFailure.withLock { $0 = error }
                throw error
            }
        }
    }

    var canWrite: Bool { writeFailure.withLock { $0 == nil } }

    func closeWriting() async throws { try await stream.closeWriting() }
    func close() { stream.close() }
}
