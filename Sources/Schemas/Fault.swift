import Wire

/// One way in which an instance does not fit a schema.
package struct Fault: Sendable, Hashable, CustomStringConvertible {
    /// The most faults one validation lists. A model mends a handful at a time; more would only cost it tokens.
    package static let limit = 20

    /// The JSON Pointer to the value at fault; empty for the whole instance.
    package let instancePath: String
    /// The JSON Pointer to the keyword that was not met, after the document's URI where that is not the schema itself.
    package let schemaPath: String
    /// The path, what was expected there and what was found, for whoever must mend it.
    package let message: String

    package var description: String { message }
}

extension JSONValue {
    /// The value in a few words: `string "2"`, `array of 3 items`.
    var summary: String {
        switch self {
        case .null: "null"
        case .bool(let value): "boolean \(value)"
        case .integer(let value): "integer \(value)"
        case .number(let value): InstanceType.integer.includes(self) ? "integer \(value)" : "number \(value)"
        case .string: "string \(clippedText)"
        case .array(let elements):
            elements.isEmpty ? "an empty array" : "array of \(elements.count) \(elements.count == 1 ? "item" : "items")"
        case .object(let members): members.isEmpty ? "an empty object" : "object \(clippedText)"
        }
    }

    /// The value as JSON, cut when it is long.
    var clippedText: String {
        switch self {
        case .string(let text):
            // Cut first: a string of megabytes must not be escaped to show sixty characters of it.
            let clipped = text.clipped(to: 60)
            return JSONValue.string(clipped).text()
        case .object(let members):
            let names = members.keys.sorted().prefix(6).map { JSONValue.string($0.clipped(to: 30)).text() }
            return "with the properties " + names.joined(separator: ", ") + (members.count > 6 ? ", …" : "")
        case .array(let elements):
            let items = elements.prefix(4).map { element in
                element.array == nil && element.object == nil ? element.clippedText : "…"
            }
            return "[" + items.joined(separator: ", ") + (elements.count > 4 ? ", …]" : "]")
        case .null, .bool, .integer, .number:
            return text()
        }
    }
}

extension String {
    /// The first `count` characters, with a mark when there were more.
    func clipped(to count: Int) -> String {
        let end = unicodeScalars.index(unicodeScalars.startIndex, offsetBy: count, limitedBy: unicodeScalars.endIndex)
        guard let end, end != unicodeScalars.endIndex else { return self }
        return String(unicodeScalars[..<end]) + "…"
    }
}
