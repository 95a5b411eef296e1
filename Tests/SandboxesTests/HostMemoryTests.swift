import Testing

@testable import Sandboxes

@Suite struct `the memory of this computer` {
    private let text = """
        MemTotal:       16000000 kB
        MemFree:          500000 kB
        MemAvailable:    4000000 kB

        """

    @Test func `is read as the kernel says it`() throws {
        let read = try #require(HostMemory.parse(text))
        #expect(read.free == 4_000_000 << 10 && read.all == 16_000_000 << 10)
        #expect(HostMemory.parse("MemTotal: 3 kB\n") == nil)
        #expect(HostMemory.parse("") == nil)
    }

    @Test(arguments: [(1 << 30, true), (2 << 30, true), (3 << 30, false), (4 << 30, false)])
    func `is for machines that wait as long as some is left`(_ bytes: Int64, _ hasRoom: Bool) {
        #expect(HostMemory.hasRoom(for: bytes, free: 4_000_000 << 10, all: 16_000_000 << 10) == hasRoom)
    }
}
