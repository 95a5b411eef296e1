import Wire

/// A value of a script with its place in it, so that every complaint can say where.
struct Placed {
    let value: JSONValue
    let place: String

    private func wrong(_ problem: String) -> ScriptError { .malformed(place, problem) }

    /// The members of an object that may have only the members `allowed`.
    func members(_ allowed: [String]) throws(ScriptError) -> [String: Placed] {
        guard let object = value.object else { throw wrong("an object is needed here, not \(kind)") }
        for key in object.keys.sorted() where !allowed.contains(key) {
            let near = allowed.first { Self.plain($0) == Self.plain(key) }
            let known = allowed.map { "'\($0)'" }.joined(separator: ", ")
            throw wrong("there is no '\(key)'; \(near.map { "'\($0)' is the word" } ?? "possible are \(known)")")
        }
        return named(object)
    }

    /// The members of an object whose keys are the author's own.
    func members() throws(ScriptError) -> [String: Placed] {
        guard let object = value.object else { throw wrong("an object is needed here, not \(kind)") }
        return named(object)
    }

    private func named(_ object: [String: JSONValue]) -> [String: Placed] {
        var members: [String: Placed] = [:]
        for (key, value) in object {
            members[key] = Placed(value: value, place: place.isEmpty ? key : "\(place).\(key)")
        }
        return members
    }

    func elements() throws(ScriptError) -> [Placed] {
        guard let array = value.array else { throw wrong("a list is needed here, not \(kind)") }
        return array.enumerated().map { Placed(value: $0.element, place: "\(place)[\($0.offset)]") }
    }

    func text() throws(ScriptError) -> String {
        guard let text = value.string else { throw wrong("a text is needed here, not \(kind)") }
        return text
    }

    func flag() throws(ScriptError) -> Bool {
        guard let flag = value.bool else { throw wrong("true or false is needed here, not \(kind)") }
        return flag
    }

    func integer(_ range: ClosedRange<Int>) throws(ScriptError) -> Int {
        guard let integer = value.integer.flatMap({ Int(exactly: $0) }) else {
            throw wrong("a whole number is needed here, not \(kind)")
        }
        guard range.contains(integer) else {
            let bounds =
                range.upperBound == .max ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
            throw wrong("the number must be \(bounds), not \(integer)")
        }
        return integer
    }

    func seconds() throws(ScriptError) -> Duration {
        guard let seconds = value.number, (0...86_400).contains(seconds) else {
            throw wrong("a number of seconds from 0 to 86400 is needed here")
        }
        return .seconds(seconds)
    }

    func pattern() throws(ScriptError) -> Pattern {
        let source = try text()
        do {
            return try Pattern(source)
        } catch {
            throw wrong("'\(source)' is no regular expression: \(error)")
        }
    }

    private var kind: String {
        switch value {
        case .null: "null"
        case .bool: "true or false"
        case .integer, .number: "a number"
        case .string: "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }

    /// Without case and separators, so that `stop_reason` is seen to mean `stopReason`.
    private static func plain(_ key: String) -> String {
        key.lowercased().filter { $0 != "_" && $0 != "-" }
    }
}
