import FoundationEssentials
import Testing
import Wire

@Suite struct `the identity of a guest` {
    private static let whole = GuestIdentity(
        accessToken: "token \"quoted\" \u{1F426}",
        timeNanoseconds: 1_763_700_000_123_456_789,
        entropy: Data((0..<64).map { UInt8($0 * 4) }),
        hostname: "i0123456789abcdefghij",
        machineID: "00112233445566778899aabbccddeeff",
        envVars: ["GREETING": "two\nlines", "EMPTY": ""],
        defaultUser: "user",
        defaultWorkdir: "/home/user",
        renewal: .fork
    )

    @Test func `is read as it was written`() throws {
        var short = Self.whole
        (short.defaultUser, short.defaultWorkdir, short.renewal, short.envVars) = (nil, nil, nil, [:])
        for identity in [Self.whole, short] {
            #expect(try GuestIdentity(parsing: identity.encoded()) == identity)
        }
    }

    @Test(arguments: ["accessToken", "timeNanoseconds", "entropy", "hostname", "machineID"])
    func `has all that a guest needs`(member: String) throws {
        let written = try JSONValue(parsing: Self.whole.encoded())
        var members = try #require(written.object)
        for wrong in [nil, JSONValue.array([])] {
            members[member] = wrong
            let bytes = JSONValue.object(members).encoded()
            let fault = #expect(throws: GuestIdentity.Malformed.self) { try GuestIdentity(parsing: bytes) }
            #expect(fault?.member == member)
        }
    }

    @Test(arguments: [("entropy", "no base64!"), ("renewal", "never"), ("envVars", "{}")])
    func `has nothing in a member that belongs to no such member`(member: String, text: String) throws {
        var members = try #require(try JSONValue(parsing: Self.whole.encoded()).object)
        members[member] = member == "envVars" ? .object(["A": .integer(1)]) : .string(text)
        let bytes = JSONValue.object(members).encoded()
        #expect(throws: GuestIdentity.Malformed.self) { try GuestIdentity(parsing: bytes) }
    }
}
