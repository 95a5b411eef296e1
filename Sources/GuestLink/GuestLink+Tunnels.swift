import FoundationEssentials
import HTTP
import Linux
import RPC
import Wire

extension GuestLink {
    /// Takes a connection of the guest's own programs, and serves it until it ends.
    package typealias TunnelHandler = @Sendable (TunnelOpening, any ByteStream) async -> Void

    /// Keeps `count` connections waiting in the guest for its own programs to come out by, until the task is cancelled.
    ///
    /// Each that comes into use is given to `handle`, and another takes its place.
    package func serveTunnels(
        _ count: Int,
        _ handle: @escaping TunnelHandler
    ) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<count {
                group.addTask {
                    try await withThrowingDiscardingTaskGroup { inUse in
                        while true {
                            let (opening, stream) = try await nextTunnel()
                            inUse.addTask { await handle(opening, stream) }
                        }
                    }
                }
            }
        }
    }

    private func nextTunnel() async throws -> (TunnelOpening, any ByteStream) {
        while true {
            let head = RequestHead(method: "POST", target: GuestProtocol.tunnelPath, headers: calls.headers)
            let stream = try await http.upgrade(head, to: GuestProtocol.tunnelUpgrade)
            let opened: TunnelOpening? = try await withTaskCancellationHandler {
                guard let line = try await Self.firstLine(of: stream) else { return nil }
                return try? JSONDecoder().decode(TunnelOpening.self, from: Data(line))
            } onCancel: {
                stream.close()
            }
            if let opened { return (opened, stream) }
            stream.close()
            try Task.checkCancellation()
        }
    }

    /// Byte by byte: what follows the line belongs to the connection.
    private static func firstLine(of stream: any ByteStream) async throws -> [UInt8]? {
        var line: [UInt8] = []
        while line.count < 1024 {
            let bytes = try await stream.read(upTo: 1)
            guard let byte = bytes.first else { return nil }
            if byte == 0x0A { return line }
            line.append(byte)
        }
        return nil
    }

    /// The same for as long as anybody wants it: what breaks is begun again. Ends when its task is cancelled.
    package func keepTunnels(_ handle: @escaping TunnelHandler) async {
        // The first command goes first; a program that wants out earlier waits for a tunnel in the guest.
        try? await EventLoop.shared.sleep(for: .milliseconds(50))
        // A guest that does not take tunnels has no way out, which harms nobody but itself.
        while !Task.isCancelled {
            try? await serveTunnels(4, handle)
            try? await Task.sleep(for: .milliseconds(200))
        }
    }

    /// Runs `body` with tunnels open for what it runs in the guest.
    package func withTunnels<Result: Sendable>(
        _ handle: @escaping TunnelHandler,
        _ body: @Sendable @escaping () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask(executorPreference: EventLoop.shared) {
                await keepTunnels(handle)
                return nil
            }
            group.addTask { try await body() }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }
}
