import FoundationEssentials
import Testing

@testable import E2B

@Suite struct `a time stamp` {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000000Z"), (1_763_635_688_110_498, "2025-11-20T10:48:08.110498Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"), (-1, "1969-12-31T23:59:59.999999Z"),
        (4_107_542_399_000_001, "2100-02-28T23:59:59.000001Z"),
    ])
    func `is written to the microsecond, with its zone`(_ microseconds: Int64, _ text: String) {
        #expect(Timestamp(microseconds: microseconds).text == text)
        #expect(Timestamp(text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        ("1970-01-01T01:00:00+01:00", 0), ("1970-01-01T00:00:00.5Z", 500_000),
        ("1969-12-31t23:30:00.000001999-00:30", 1), ("1970-01-01 00:00:01Z", 1_000_000),
    ])
    func `is read with any zone and precision`(_ text: String, _ microseconds: Int64) {
        #expect(Timestamp(text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z", "1970-02-29T00:00:00Z", "1970-01-01T24:00:00Z",
        "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00.1234567890Z", "1970-01-01T00:00:00Zx", "1970-01-01T00:00:00+1:00",
        "+970-01-01T00:00:00Z", "yesterday",
    ])
    func `is none without a zone, or on a day that never was`(_ text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test func `of any date is some time between the years 0 and 9999`() {
        #expect(Timestamp(Date(timeIntervalSince1970: 1e300)).text.hasPrefix("9999-12-31T"))
        #expect(Timestamp(Date(timeIntervalSince1970: -1e300)).text.hasPrefix("0000-01-01T"))
    }
}

@Suite struct `a stable UUID` {
    @Test func `is the same for the same name, and of the form that clients check`() {
        let one = StableUUID.of("claude-1")
        #expect(one == StableUUID.of("claude-1") && one != StableUUID.of("claude-2"))
        #expect(UUID(uuidString: one) != nil)
        #expect(Array(one)[14] == "8" && "89ab".contains(Array(one)[19]))
    }
}

@Suite struct `an address range` {
    @Test(arguments: ["1.1.1.1", "0.0.0.0/0", "10.0.0.0/8", "::1", "2001:db8::/32", "::/0"])
    func `is an address or a block`(_ text: String) {
        #expect(AddressRange(text) != nil)
    }

    @Test(arguments: [
        "", "1.1.1", "1.1.1.1/33", "1.1.1.1/", "1.1.1.1/+8", "1.1.1.1/8/8", "example.com", "::/129", "1.1.1.256",
    ])
    func `is nothing else`(_ text: String) {
        #expect(AddressRange(text) == nil)
    }
}
