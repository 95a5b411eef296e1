import Linux
import TLS
import Wire

/// One line of an audit log.
///
/// Its hash is over all that the line says and the hash of the line before: to change, remove or add a line, all that follow would
/// have to be written anew, and the last hash with them.
package struct AuditEntry: Sendable, Hashable {
    /// 1 for the first.
    package let number: Int
    /// In UTC, RFC 3339.
    package let time: String
    /// What happened, such as `egress.refused` or `secret.used`.
    package let event: String
    /// The particulars. Never a secret's value.
    package let facts: [String: JSONValue]
    /// The hash of the line before; of the first line, zeros.
    package let previous: String
    package let hash: String

    static let beginning = String(repeating: "0", count: 64)

    init(number: Int, time: String, event: String, facts: [String: JSONValue], previous: String) {
        self.number = number
        self.time = time
        self.event = event
        self.facts = facts
        self.previous = previous
        hash = Self.hash(number, time, event, facts, previous)
    }

    /// Reads a line, whatever its hash.
    init?(_ line: ArraySlice<UInt8>) {
        guard let value = try? JSONValue(parsing: line), let members = value.object, members.count == 6,
            let number = value["number"]?.integer.flatMap({ Int(exactly: $0) }), let time = value["time"]?.string,
            let event = value["event"]?.string, let facts = value["facts"]?.object,
            let previous = value["previous"]?.string, let hash = value["hash"]?.string
        else { return nil }
        self.number = number
        self.time = time
        self.event = event
        self.facts = facts
        self.previous = previous
        self.hash = hash
    }

    /// Whether the hash is that of what the line says.
    var isWhole: Bool { hash == Self.hash(number, time, event, facts, previous) }

    var line: [UInt8] {
        var members = Self.members(number, time, event, facts, previous)
        members["hash"] = .string(hash)
        return JSONValue.object(members).encoded() + [0x0A]
    }

    private static func members(
        _ number: Int,
        _ time: String,
        _ event: String,
        _ facts: [String: JSONValue],
        _ previous: String
    ) -> [String: JSONValue] {
        [
            "number": .integer(Int64(number)), "time": .string(time), "event": .string(event), "facts": .object(facts),
            "previous": .string(previous),
        ]
    }

    /// Equal values have equal bytes: names are sorted where JSON is written.
    private static func hash(
        _ number: Int,
        _ time: String,
        _ event: String,
        _ facts: [String: JSONValue],
        _ previous: String
    ) -> String {
        Random.hex(Digest.sha256(JSONValue.object(members(number, time, event, facts, previous)).encoded()))
    }
}
