import Schemas
import Wire

/// The tool through which an agent hands over its result: its input is the result, and its schema says what that must be.
package struct ResultTool: Sendable {
    package static let defaultName = "submit_result"

    package let name: String
    package let description: String
    /// What the agent sees. Always an object's schema; any other stands in it as the property `result`.
    package var inputSchema: JSONValue { schema.document }

    private let schema: JSONSchema
    private let isWrapped: Bool

    /// - Parameter description: what the agent reads about the tool; nil says what every such tool is for.
    /// - Throws: ``MCPError`` when no agent could call a tool of that name.
    package init(
        schema: JSONSchema,
        name: String = ResultTool.defaultName,
        description: String? = nil
    ) throws(MCPError) {
        let isCallable = { (byte: UInt8) in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
            default: false
            }
        }
        // The model's API allows 64 characters or more, of which the agent needs some for the server's name.
        guard (1...48).contains(name.utf8.count), name.utf8.allSatisfy(isCallable) else {
            throw MCPError(
                .badToolName,
                "The result tool can not be called '\(name)'; use 1 to 48 letters, digits, '_' and '-'"
            )
        }
        self.name = name
        self.description =
            description
            ?? "Hands over the final result. Call it when the work is done, with the complete result as its arguments, "
            + "each value in the type that the schema says. If something is wrong with the result, the answer says what; "
            + "mend it and call again."
        (self.schema, isWrapped) = schema.wrappedForTool()
    }

    /// What became of a call.
    enum Verdict: Sendable {
        case accepted(JSONValue)
        /// What is wrong, each with its path.
        case refused([String])
    }

    func judge(_ arguments: JSONValue) -> Verdict {
        let faults = schema.validate(arguments)
        if faults.isEmpty { return .accepted(isWrapped ? arguments["result"] ?? arguments : arguments) }
        return .refused(faults.map { $0.message + hint(for: $0, in: arguments) })
    }

    /// What to say about a value that came as JSON text in a string, a slip that models make: only if it mends the fault.
    private func hint(for fault: Fault, in arguments: JSONValue) -> String {
        let path = Self.tokens(of: fault.instancePath)
        guard let text = arguments.value(at: path)?.string, let value = try? JSONValue(parsing: text),
            value.string == nil
        else { return "" }
        let remaining = schema.validate(arguments.replacing(value, at: path))
        let isMended = !remaining.contains {
            $0.instancePath == fault.instancePath && $0.schemaPath == fault.schemaPath
        }
        return isMended ? " (pass the value itself, not JSON text in a string)" : ""
    }

    private static func tokens(of pointer: String) -> ArraySlice<String> {
        let parts = pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        return parts.map { String($0.replacing("~1", with: "/").replacing("~0", with: "~")) }[...]
    }
}

extension JSONValue {
    fileprivate func value(at path: ArraySlice<String>) -> JSONValue? {
        guard let first = path.first else { return self }
        return (self[first] ?? Int(first).flatMap { self[$0] })?.value(at: path.dropFirst())
    }

    fileprivate func replacing(_ value: JSONValue, at path: ArraySlice<String>) -> JSONValue {
        guard let first = path.first else { return value }
        switch self {
        case .object(var members):
            members[first] = members[first]?.replacing(value, at: path.dropFirst())
            return .object(members)
        case .array(var elements):
            guard let index = Int(first), elements.indices.contains(index) else { return self }
            elements[index] = elements[index].replacing(value, at: path.dropFirst())
            return .array(elements)
        case .null, .bool, .integer, .number, .string:
            return self
        }
    }
}
