/// Bytes in both directions: a socket, a pipe, a terminal, TLS over a socket.
///
/// Reading is pulling: nobody reads ahead, so a slow reader slows the writer. One task may read and one may write at a time.
package protocol ByteStream: AnyObject, Sendable {
    /// Reads what is there, waiting for the first byte. An empty array is the end.
    func read(upTo count: Int) async throws -> [UInt8]
    /// Writes everything, waiting where the other side is slow.
    func write(_ bytes: [UInt8]) async throws
    /// Says that nothing more will be written; reading goes on.
    func closeWriting() async throws
    /// Whether a read would return at once, with bytes or with the end; takes nothing.
    var hasInput: Bool { get }
    /// Ends both directions at once; whoever waits is woken. Safe to call twice.
    func close()
}

extension ByteStream {
    package func read() async throws -> [UInt8] {
        try await read(upTo: 65_536)
    }
}

/// Moves bytes from one stream to another until the first ends, then passes the end on.
package func pump(from source: any ByteStream, to destination: any ByteStream) async throws {
    while true {
        let bytes = try await source.read()
        if bytes.isEmpty { break }
        try await destination.write(bytes)
    }
    try await destination.closeWriting()
}

/// Joins two streams until both directions have ended; closes both, also on error.
package func splice(_ first: any ByteStream, _ second: any ByteStream) async {
    await withTaskCancellationHandler {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await pump(from: first, to: second)) != nil }
            group.addTask { (try? await pump(from: second, to: first)) != nil }
            for await isClean in group where !isClean {
                first.close()
                second.close()
            }
        }
    } onCancel: {
        first.close()
        second.close()
    }
    first.close()
    second.close()
}
