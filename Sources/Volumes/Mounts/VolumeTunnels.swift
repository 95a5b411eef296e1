// A volume in a sandbox: the guest's kernel asks the guest's agent for files (FUSE), the agent asks here, on a tunnel of its own
// for each volume. The guest is hostile: it reaches the volumes that its sandbox was made with, and of them what their
// owner could have reached anyway; what it sends is parsed with bounds, and nothing it sends names a file of the host.

import Linux
import Synchronization
import Wire

/// The tunnels on which guests use volumes.
final class VolumeTunnels: Sendable {
    /// How many a sandbox has to one volume. One is enough for a guest that mounted it once; what goes on from a snapshot may
    /// have the mount of its origin as well.
    static let limit = 4

    private struct Tunnel {
        let sandbox: String
        let stream: any ByteStream
    }

    /// By volume, since they are cut when it is removed; the oldest first.
    private let tunnels = Mutex<[String: [Tunnel]]>([:])

    /// Serves a volume on a guest's tunnel until that ends.
    ///
    /// - Parameters:
    ///   - sandbox: the id of the guest's sandbox; when it has too many tunnels, the oldest ends.
    ///   - granted: the volumes that the sandbox was made with.
    ///   - find: gives the files of a volume, and throws when there is none any more.
    func serve(
        _ volume: String?,
        to sandbox: String,
        granted: [VolumeMount],
        on stream: any ByteStream,
        _ find: (String) async throws -> MountedFiles
    ) async {
        defer { stream.close() }
        guard let volume, granted.contains(where: { $0.volume == volume }) else { return await Self.refuse(stream) }
        // Written down before it is looked for: a volume that is removed in between is not found, or its tunnel is cut.
        add(Tunnel(sandbox: sandbox, stream: stream), to: volume)?.close()
        defer { forget(volume, stream) }
        guard let files = try? await find(volume) else { return await Self.refuse(stream) }
        await withTaskCancellationHandler {
            try? await Self.serve(files, on: stream)
        } onCancel: {
            stream.close()
        }
    }

    /// - Returns: the one that is too many now.
    private func add(_ tunnel: Tunnel, to volume: String) -> (any ByteStream)? {
        tunnels.withLock { tunnels in
            var open = tunnels[volume] ?? []
            open.append(tunnel)
            let own = open.count { $0.sandbox == tunnel.sandbox }
            let oldest = open.firstIndex { $0.sandbox == tunnel.sandbox }
            let ended = own > Self.limit ? oldest.map { open.remove(at: $0).stream } : nil
            tunnels[volume] = open
            return ended
        }
    }

    private func forget(_ volume: String, _ stream: any ByteStream) {
        tunnels.withLock { tunnels in
            let open = (tunnels[volume] ?? []).filter { $0.stream !== stream }
            tunnels[volume] = open.isEmpty ? nil : open
        }
    }

    private static func refuse(_ stream: any ByteStream) async {
        try? await stream.write([VolumeFrames.refused])
    }

    /// Ends the use of a volume that is no more: whoever comes again is refused.
    func end(_ volume: String) {
        let ended = tunnels.withLock { $0.removeValue(forKey: volume) ?? [] }
        for tunnel in ended { tunnel.stream.close() }
    }

    private static func serve(_ files: MountedFiles, on stream: any ByteStream) async throws {
        try await stream.write([VolumeFrames.served])
        let turns = AsyncSemaphore(VolumeFrames.inFlight)
        let writing = AsyncLock()
        try await withThrowingDiscardingTaskGroup { group in
            var cutter = VolumeFrameCutter()
            while true {
                let bytes = try await stream.read(upTo: 256 * 1024)
                if bytes.isEmpty { break }
                cutter.add(bytes)
                while let (id, body) = try cutter.next() {
                    guard let request = VolumeRequest(body) else { throw VolumeFrameError() }
                    // Whoever asks for more than he may waits here, and then at his own end of the tunnel.
                    try await turns.take()
                    group.addTask {
                        defer { turns.give() }
                        let answer = try await BlockingPool.run { files.answer(request) }
                        try await writing.withLock { try await stream.write(VolumeFrames.frame(id, answer.bytes)) }
                    }
                }
            }
        }
    }
}
