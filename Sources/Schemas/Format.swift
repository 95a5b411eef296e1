/// A `format` that can be enforced. Any other is a remark.
enum Format: String, Sendable, CaseIterable {
    case dateTime = "date-time"
    case date, time, duration
    case email, hostname, ipv4, ipv6
    case uri, uuid
    case jsonPointer = "json-pointer"
    case regex

    func accepts(_ text: String) -> Bool {
        switch self {
        case .dateTime: TimeText.isDateTime(text)
        case .date: TimeText.isDate(text)
        case .time: TimeText.isTime(text)
        case .duration: TimeText.isDuration(text)
        case .email: NetworkText.isEmail(text)
        case .hostname: NetworkText.isHostname(text)
        case .ipv4: NetworkText.isIPv4(text.utf8[...])
        case .ipv6: NetworkText.isIPv6(text.utf8[...])
        case .uri: NetworkText.isURI(text)
        case .uuid: Self.isUUID(text)
        case .jsonPointer: JSONPointer.tokens(of: text) != nil
        case .regex: Pattern.isPattern(text)
        }
    }

    /// What is expected, with an example.
    var words: String {
        switch self {
        case .dateTime: "a date and time like 2026-01-31T09:30:00Z"
        case .date: "a date like 2026-01-31"
        case .time: "a time with its offset like 09:30:00Z"
        case .duration: "an ISO 8601 duration like P3DT12H"
        case .email: "an e-mail address like name@example.org"
        case .hostname: "a host name like www.example.org"
        case .ipv4: "an IPv4 address like 192.0.2.1"
        case .ipv6: "an IPv6 address like 2001:db8::1"
        case .uri: "a URI with its scheme like https://example.org/path"
        case .uuid: "a UUID like 123e4567-e89b-12d3-a456-426614174000"
        case .jsonPointer: "a JSON Pointer like /items/0"
        case .regex: "a regular expression (ECMA-262)"
        }
    }

    private static func isUUID(_ text: String) -> Bool {
        let groups = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return groups.map(\.count) == [8, 4, 4, 4, 12] && groups.joined().allSatisfy { $0.hexDigitValue != nil }
    }
}
