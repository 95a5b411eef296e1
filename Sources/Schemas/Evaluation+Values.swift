import Wire

extension Evaluation {
    /// The rules that look at one value by itself.
    mutating func checkValue(_ keyword: Keyword, of node: Node, on value: JSONValue) -> Bool {
        switch keyword {
        case .never:
            return fail(node, "", "no value is allowed here, got \(value.summary)")
        case .type(let types):
            guard !types.contains(where: { $0.includes(value) }) else { return true }
            let names = types.map(\.rawValue)
            return fail(node, "type", "expected \(names.listed(with: "or")), got \(value.summary)")
        case .constant(let constant):
            return constant.isSame(as: value)
                || fail(node, "const", "expected \(constant.clippedText), got \(value.summary)")
        case .enumeration(let allowed):
            return allowed.contains { $0.isSame(as: value) }
                || fail(node, "enum", Self.enumMessage(allowed, value))
        default:
            return value.number != nil
                ? checkNumber(keyword, of: node, on: value) : checkString(keyword, of: node, on: value)
        }
    }

    private static func enumMessage(_ allowed: [JSONValue], _ value: JSONValue) -> String {
        var message = "expected one of \(allowed.prefix(20).map(\.clippedText).joined(separator: ", "))"
        if allowed.count > 20 { message += " or \(allowed.count - 20) more" }
        message += ", got \(value.summary)"
        if let text = value.string, let near = NearName.of(text, among: allowed.compactMap(\.string)) {
            message += "; did you mean \(JSONValue.string(near).clippedText)?"
        }
        return message
    }

    private mutating func checkNumber(_ keyword: Keyword, of node: Node, on value: JSONValue) -> Bool {
        switch keyword {
        case .multipleOf(let divisor):
            if let number = DecimalNumber(value), let by = DecimalNumber(divisor), number.isMultiple(of: by) {
                return true
            }
            return fail(node, "multipleOf", "expected a multiple of \(divisor.clippedText), got \(value.summary)")
        case .bound(let bound, let limit):
            let (holds, words) =
                switch bound {
                case .maximum: (!limit.isNumber(below: value), "at most")
                case .exclusiveMaximum: (value.isNumber(below: limit), "less than")
                case .minimum: (!value.isNumber(below: limit), "at least")
                case .exclusiveMinimum: (limit.isNumber(below: value), "more than")
                }
            return holds || fail(node, bound.rawValue, "expected \(words) \(limit.clippedText), got \(value.summary)")
        default:
            return true
        }
    }

    private mutating func checkString(_ keyword: Keyword, of node: Node, on value: JSONValue) -> Bool {
        guard case .string(let text) = value else { return true }
        switch keyword {
        case .maxLength(let limit):
            // A text has no more code points than bytes.
            guard text.utf8.count > limit, text.unicodeScalars.count > limit else { return true }
            return fail(
                node,
                "maxLength",
                "expected at most \(limit.of("character")), got \(text.unicodeScalars.count): \(value.clippedText)"
            )
        case .minLength(let limit):
            return text.unicodeScalars.count >= limit
                || fail(
                    node,
                    "minLength",
                    limit == 1 && text.isEmpty
                        ? "expected a string that is not empty"
                        : "expected at least \(limit.of("character")), got \(text.unicodeScalars.count): \(value.clippedText)"
                )
        case .pattern(let pattern):
            return pattern.matches(in: text)
                || fail(
                    node,
                    "pattern",
                    "expected a string that matches the regular expression \(pattern.source.clipped(to: 120)), "
                        + "got \(value.summary)"
                )
        case .format(let format):
            return format.accepts(text)
                || fail(node, "format", "expected \(format.words), got \(value.summary)")
        default:
            return true
        }
    }
}

extension Int {
    /// `1 item`, `2 items`.
    func of(_ noun: String) -> String {
        "\(self) \(noun)" + (self == 1 ? "" : "s")
    }
}

extension [String] {
    /// `a`, `a or b`, `a, b or c`.
    func listed(with word: String) -> String {
        guard count > 1, let last else { return first ?? "nothing" }
        return dropLast().joined(separator: ", ") + " \(word) " + last
    }
}
