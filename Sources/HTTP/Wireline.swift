import Linux
import Synchronization

/// A byte stream with the bytes that were read from it and not yet used.
final class Wireline: ByteStream {
    let stream: any ByteStream
    private let unread = Mutex<ArraySlice<UInt8>>([])

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

    var hasUnread: Bool { unread.withLock { !$0.isEmpty } }

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
    func readHead(_ limits: HTTPLimits) async throws -> ArraySlice<UInt8>? {
        var searched = 0
        while true {
            let head: ArraySlice<UInt8>? = try consume { (bytes) throws(HTTPError) in
                // One empty line before a request line is tolerated: RFC 9112 §2.2.
                if searched == 0, bytes.starts(with: [0x0D, 0x0A]) { bytes = bytes.dropFirst(2) }
                guard let end = Self.endOfHead(bytes, from: searched) else {
                    searched = max(0, bytes.count - 3)
                    if bytes.count > limits.head {
                        throw HTTPError(431, "The head is larger than \(limits.head) bytes")
                    }
                    return nil
                }
                let head = bytes[..<end]
                bytes = bytes[end...]
                if head.count > limits.head { throw HTTPError(431, "The head is larger than \(limits.head) bytes") }
                return head
            }
            if let head { return head }
            if try await !fill() {
                if hasUnread { throw HTTPError.badRequest("The connection ended inside a head") }
                return nil
            }
        }
    }

    /// The index behind the first empty line; a bare LF LF also ends a head, for the parser to refuse.
    private static func endOfHead(_ bytes: ArraySlice<UInt8>, from offset: Int) -> Int? {
        var index = bytes.startIndex + offset
        while index < bytes.endIndex {
            if bytes[index] == 0x0A {
                let next = index + 1
                if next < bytes.endIndex, bytes[next] == 0x0A { return next + 1 }
                if next + 1 < bytes.endIndex, bytes[next] == 0x0D, bytes[next + 1] == 0x0A { return next + 2 }
            }
            index += 1
        }
        return nil
    }

    func write(_ bytes: [UInt8]) async throws { try await stream.write(bytes) }
    func closeWriting() async throws { try await stream.closeWriting() }
    func close() { stream.close() }
}
