import HTTP

/// What follows the question mark of a target; a name may be there several times.
struct Query: Sendable {
    private let items: [(name: String, value: String)]

    init(of target: String) {
        guard let mark = target.firstIndex(of: "?") else {
            items = []
            return
        }
        items = target[target.index(after: mark)...].split(separator: "&").map { item in
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let texts = pair.map { Self.unescape($0) ?? $0 }
            return (texts[0], texts.count > 1 ? texts[1] : "")
        }
    }

    /// Undoes the encoding of forms once: a plus is a space. Nil when an escape is broken.
    static func unescape(_ text: String) -> String? {
        PercentEncoding.decode(String(text.map { $0 == "+" ? " " : $0 }))
    }

    /// The last value of that name, unless it is empty.
    subscript(name: String) -> String? {
        items.last { $0.name == name && !$0.value.isEmpty }?.value
    }

    /// All values of that name, whether it was given several times or once with commas.
    func list(_ name: String) -> [String] {
        items.filter { $0.name == name }.flatMap { $0.value.split(separator: ",") }.map(String.init)
    }

    /// - Throws: ``RESTError`` with status 400 unless the value is an integer within `range`.
    func integer(_ name: String, in range: ClosedRange<Int64> = 0...Int64.max) throws -> Int64? {
        guard let text = self[name] else { return nil }
        guard let number = Int64(text), range.contains(number) else {
            throw RESTError.badRequest(
                range.upperBound == .max
                    ? "'\(name)' must be an integer of \(range.lowerBound) or more"
                    : "'\(name)' must be an integer from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    /// - Throws: ``RESTError`` with status 400 unless the value is one of `Choice`.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ name: String, _: Choice.Type) throws -> Choice? {
        guard let text = self[name] else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let all = Choice.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
            throw RESTError.badRequest("'\(name)' must be one of \(all)")
        }
        return choice
    }
}
