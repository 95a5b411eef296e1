/// A member that is always there, and `null` when there is nothing to say: some of E2B's are required to be so.
///
/// Every other optional member is left out when it is nil, because the clients refuse a `null` in most places.
struct Nullable<Value: Codable & Sendable & Hashable>: Codable, Sendable, Hashable {
    let value: Value?

    init(_ value: Value?) {
        self.value = value
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        value = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let value { try container.encode(value) } else { try container.encodeNil() }
    }
}
