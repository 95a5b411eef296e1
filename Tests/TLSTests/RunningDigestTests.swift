import TLS
import Testing

@Suite struct `a digest that goes on` {
    @Test func `is that of all bytes, however they came`() {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var digest = RunningDigest()
        #expect(digest.value() == Digest.sha256([]))
        for start in stride(from: 0, to: bytes.count, by: 777) {
            digest.add(Array(bytes[start..<min(start + 777, bytes.count)]))
        }
        #expect(digest.value() == Digest.sha256(bytes))
        // Reading it does not end it.
        #expect(digest.value() == Digest.sha256(bytes))
    }

    @Test func `leaves what it was copied from as it is`() {
        var first = RunningDigest()
        first.add([1, 2])
        var second = RunningDigest(copying: first)
        second.add([3])
        #expect(first.value() == Digest.sha256([1, 2]))
        #expect(second.value() == Digest.sha256([1, 2, 3]))
    }
}
