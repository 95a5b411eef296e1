import Wire

/// How a value is taken out of a tool's result.
///
/// The result's text becomes a list (its `lines`, the matches of `pattern`, or the array at `pointer`) or stays one text;
/// then `all`, `count` or `index` choose from the list.
struct Capture: Sendable {
    private enum Choice: Sendable {
        case all
        case count
        case index(Int)
    }

    private enum Kind: String, Sendable, CaseIterable {
        case text, integer, number, json
    }

    /// The step whose tool's result is read.
    let step: Int
    let tool: Int
    private let place: String
    private let pointer: [String]?
    private let isByLine: Bool
    private let pattern: Pattern?
    private let choice: Choice?
    private let limit: Int?
    private let separator: String?
    private let kind: Kind?
    private let isTrimmed: Bool
    private let fallback: JSONValue?

    private static let words = [
        "step", "tool", "pointer", "lines", "pattern", "all", "count", "index", "limit", "join", "type", "trim",
        "default",
    ]

    /// - Parameter toolCounts: how many tools each step has, up to and with the capture's own.
    init(_ source: Placed, toolCounts: [Int]) throws(ScriptError) {
        let members = try source.members(Self.words)
        place = source.place
        step = try members["step"]?.integer(0...(toolCounts.count - 1)) ?? toolCounts.count - 1
        tool = try members["tool"]?.integer(0...Int.max) ?? 0
        guard tool < toolCounts[step] else {
            throw .malformed(place, "step \(step) has no tool \(tool) whose result could be read")
        }
        pointer = try members["pointer"].map { (pointer) throws(ScriptError) in try Self.pointer(pointer) }
        isByLine = try members["lines"]?.flag() ?? false
        pattern = try members["pattern"]?.pattern()
        choice = try Self.choice(members, place)
        limit = try members["limit"]?.integer(0...Int.max)
        separator = try members["join"]?.text()
        isTrimmed = try members["trim"]?.flag() ?? true
        fallback = members["default"]?.value
        kind = try members["type"].map { (type) throws(ScriptError) in
            guard let kind = Kind(rawValue: try type.text()) else {
                throw .malformed(type.place, "the types are 'text', 'integer', 'number' and 'json'")
            }
            return kind
        }
    }

    private static func choice(_ members: [String: Placed], _ place: String) throws(ScriptError) -> Choice? {
        var choices: [Choice] = []
        if try members["all"]?.flag() == true { choices.append(.all) }
        if try members["count"]?.flag() == true { choices.append(.count) }
        if let index = try members["index"]?.integer(0...Int.max) { choices.append(.index(index)) }
        guard choices.count < 2 else { throw .malformed(place, "only one of 'all', 'count' and 'index' makes sense") }
        return choices.first
    }

    /// RFC 6901.
    private static func pointer(_ source: Placed) throws(ScriptError) -> [String] {
        let text = try source.text()
        guard text.isEmpty || text.hasPrefix("/") else {
            throw .malformed(source.place, "a JSON pointer begins with '/'")
        }
        return text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
            String($0.replacing("~1", with: "/").replacing("~0", with: "~"))
        }
    }

    /// Takes the value out of `result`.
    func value(from result: String) throws(ScriptError) -> JSONValue {
        do throws(Miss) {
            let found = try take(from: result)
            if let separator, case .array(let elements) = found {
                return .string(elements.map(\.asText).joined(separator: separator))
            }
            return found
        } catch {
            if let fallback { return fallback }
            throw ScriptError(
                .notCaptured,
                at: place,
                "The script's capture '\(place)' found \(error.reason) in the tool's result "
                    + "\(JSONValue.string(result).excerpt); 'default' would give a value for this case"
            )
        }
    }

    private struct Miss: Error {
        let reason: String
    }

    private func take(from result: String) throws(Miss) -> JSONValue {
        var text = result
        if let pointer {
            guard var value = try? JSONValue(parsing: result) else { throw Miss(reason: "no JSON") }
            for part in pointer {
                guard let next = value[part] ?? Int(part).flatMap({ value[$0] }) else {
                    throw Miss(reason: "no member '\(part)'")
                }
                value = next
            }
            if pattern == nil, !isByLine {
                if case .array(let elements) = value, choice != nil || limit != nil {
                    return try chosen(elements, by: choice ?? .all)
                }
                if choice == nil, kind == nil { return value }
            }
            text = value.asText
        }
        if let list = list(text) {
            var values: [JSONValue] = []
            for item in list { values.append(try converted(item)) }
            return try chosen(values, by: choice ?? (isByLine || limit != nil ? .all : .index(0)))
        }
        return try converted(text)
    }

    /// The text as a list, or nil if it stays one text.
    private func list(_ text: String) -> [String]? {
        if isByLine {
            let lines = text.split(whereSeparator: \.isNewline).map(String.init)
            guard let pattern else { return lines.filter { !$0.allSatisfy(\.isWhitespace) } }
            return lines.compactMap { pattern.matches(in: $0).first }
        }
        return pattern?.matches(in: text) ?? (choice == nil && limit == nil ? nil : [text])
    }

    private func chosen(_ values: [JSONValue], by choice: Choice) throws(Miss) -> JSONValue {
        let values = limit.map { Array(values.prefix($0)) } ?? values
        switch choice {
        case .all: return .array(values)
        case .count: return .integer(Int64(values.count))
        case .index(let index):
            guard values.indices.contains(index) else {
                throw Miss(reason: pattern.map { "no match of '\($0.source)'" } ?? "no element \(index)")
            }
            return values[index]
        }
    }

    private func converted(_ text: String) throws(Miss) -> JSONValue {
        let trimmed = Self.trimmed(text)
        switch kind ?? .text {
        case .text:
            return .string(isTrimmed ? trimmed : text)
        case .integer:
            guard let integer = Int64(trimmed) else { throw Miss(reason: "no whole number") }
            return .integer(integer)
        case .number:
            guard let number = Double(trimmed), number.isFinite else { throw Miss(reason: "no number") }
            return .number(number)
        case .json:
            guard let value = try? JSONValue(parsing: trimmed) else { throw Miss(reason: "no JSON") }
            return value
        }
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
