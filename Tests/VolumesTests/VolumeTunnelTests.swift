import Access
import Glibc
import Linux
import Synchronization
import Testing
import Wire

@testable import Volumes

@Suite struct `a tunnel to a volume` {
    /// The guest's end of a tunnel, which the store serves at the other.
    private func withTunnel(
        _ fixture: Fixture,
        _ volume: String?,
        granted: [Volume],
        sandbox: String = "one",
        _ body: @Sendable @escaping (Channel) async throws -> Void
    ) async throws {
        let (guest, host) = try pair()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                let mounts = granted.map { VolumeMount(volume: $0.id, name: $0.name, path: "/mnt") }
                await fixture.store.serve(volume, to: sandbox, granted: mounts, on: host)
            }
            defer { guest.close() }
            try await withDeadline(.seconds(60)) { try await body(guest) }
            guest.close()
            try await group.waitForAll()
        }
    }

    private func pair() throws -> (Channel, Channel) {
        var ends: [Int32] = [-1, -1]
        try check("make a pair of sockets") {
            socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
        }
        return (try Channel(Descriptor(owning: ends[0])), try Channel(Descriptor(owning: ends[1])))
    }

    private func ask(_ request: VolumeRequest, on tunnel: Channel) async throws -> VolumeAnswer? {
        try await tunnel.write(VolumeFrames.frame(7, request.bytes))
        var cutter = VolumeFrameCutter()
        while true {
            if let (id, body) = try cutter.next() {
                #expect(id == 7)
                return VolumeAnswer(body)
            }
            let bytes = try await tunnel.read(upTo: 4096)
            if bytes.isEmpty { return nil }
            cutter.add(bytes)
        }
    }

    @Test func `is refused for a volume that the sandbox was not made with, for none and for one that is gone`()
        async throws
    {
        try await Fixture.with { fixture in
            let mine = try await fixture.store.add("mine", owner: Fixture.ada)
            let other = try await fixture.store.add("other", owner: Fixture.ada)
            let gone = try await fixture.store.add("gone", owner: Fixture.ada)
            try await fixture.store.remove(gone.id, owner: Fixture.ada)
            for volume in [other.id, "mine", "", "..", "\(mine.id)/../\(other.id)", nil, gone.id] {
                try await withTunnel(fixture, volume, granted: [mine, gone]) { tunnel in
                    let (first, rest) = (try await tunnel.read(upTo: 9), try await tunnel.read(upTo: 9))
                    #expect(first == [VolumeFrames.refused] && rest.isEmpty)
                }
            }
            try await withTunnel(fixture, mine.id, granted: [mine]) { tunnel in
                #expect(try await tunnel.read(upTo: 1) == [VolumeFrames.served])
                guard case .attributes(let root) = try await ask(.attributes(VolumeFile(.root)), on: tunnel) else {
                    throw LinuxError(errno: EIO, "see the root")
                }
                #expect(root.isDirectory)
            }
        }
    }

    @Test(
        arguments: [
            [0, 0, 0, 0], [7, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 99],
            // A path that goes up, and one with a zero in it.
            VolumeFrames.frame(1, [3, 2, 0, 0, 0, 0x2E, 0x2E]), VolumeFrames.frame(1, [3, 2, 0, 0, 0, 0x61, 0]),
            VolumeFrames.frame(1, [3, 0xFF, 0xFF, 0xFF, 0x7F]),
        ] as [[UInt8]]
    )
    func `ends when it carries what no agent says`(_ bytes: [UInt8]) async throws {
        try await Fixture.with { fixture in
            let volume = try await fixture.store.add("mine", owner: Fixture.ada)
            try await withTunnel(fixture, volume.id, granted: [volume]) { tunnel in
                #expect(try await tunnel.read(upTo: 1) == [VolumeFrames.served])
                try await tunnel.write(bytes)
                #expect(((try? await tunnel.read(upTo: 9)) ?? []).isEmpty)
            }
        }
    }

    @Test func `ends when its volume is removed, and when its sandbox has too many`() async throws {
        try await Fixture.with { fixture in
            let volume = try await fixture.store.add("mine", owner: Fixture.ada)
            let mount = VolumeMount(volume: volume.id, name: volume.name, path: "/mnt")
            try await withDeadline(.seconds(60)) {
                try await withThrowingDiscardingTaskGroup { group in
                    var guests: [Channel] = []
                    for sandbox in ["other"] + Array(repeating: "one", count: VolumeTunnels.limit + 1) {
                        let (guest, host) = try pair()
                        group.addTask {
                            await fixture.store.serve(volume.id, to: sandbox, granted: [mount], on: host)
                        }
                        let first = try await guest.read(upTo: 1)
                        #expect(first == [VolumeFrames.served])
                        guests.append(guest)
                    }
                    // The first of the sandbox that has too many, and nobody else's.
                    let end = try? await guests[1].read(upTo: 1)
                    #expect(end ?? [] == [])
                    for guest in [guests[0]] + guests.dropFirst(2) {
                        let answer = try await ask(.statistics, on: guest)
                        #expect(answer != nil)
                    }
                    try await fixture.store.remove(volume.id, owner: Fixture.ada)
                    for guest in guests {
                        let end = try? await guest.read(upTo: 1)
                        #expect(end ?? [] == [])
                        guest.close()
                    }
                }
            }
        }
    }

    @Test func `does not grow for a guest that asks and never reads`() async throws {
        try await Fixture.with { fixture in
            let volume = try await fixture.store.add("mine", owner: Fixture.ada)
            let size = VolumeFrames.pieceLimit
            try Files.write([UInt8](repeating: 1, count: size), to: "\(fixture.directory(of: volume))/f")
            try await withTunnel(fixture, volume.id, granted: [volume]) { tunnel in
                #expect(try await tunnel.read(upTo: 1) == [VolumeFrames.served])
                let path = try #require(VolumeFilePath([0x66]))
                let request = VolumeRequest.read(VolumeFile(path), offset: 0, count: UInt32(size))
                let frame = VolumeFrames.frame(1, request.bytes)
                // More than sockets hold: at some point nobody takes any more.
                let taken = Counter()
                await #expect(throws: DeadlineExceeded.self) {
                    try await withDeadline(.seconds(2)) {
                        while true {
                            try await tunnel.write(frame + frame + frame + frame)
                            taken.add(4)
                        }
                    }
                }
                #expect(taken.value < 100_000)
            }
        }
    }
}

private final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func add(_ more: Int) { count.withLock { $0 += more } }
}
