import Wire

/// Where two documents differ, as lines that people can read.
package struct Difference: Sendable, Hashable {
    /// Enough to tell the nearest of several; counting stops there.
    private static let countLimit = 200
    private static let textLimit = 160

    package private(set) var lines: [String] = []
    package private(set) var count = 0

    /// - Parameter lineLimit: how many places are shown; all are counted.
    package init(from old: JSONValue, to new: JSONValue, lineLimit: Int = 12) {
        compare(old, new, "", lineLimit)
    }

    package var text: String {
        let shown = lines.joined(separator: "\n")
        let rest = count - lines.count / 2
        return rest > 0 ? "\(shown)\n… and \(rest) more places" : shown
    }

    private mutating func compare(_ old: JSONValue, _ new: JSONValue, _ path: String, _ limit: Int) {
        guard old != new, count < Self.countLimit else { return }
        switch (old, new) {
        case (.object(let one), .object(let other)):
            for name in Set(one.keys).union(other.keys).sorted() {
                compareMembers(one[name], other[name], "\(path).\(name)", limit)
            }
        case (.array(let one), .array(let other)):
            for index in 0..<max(one.count, other.count) {
                compareMembers(old[index], new[index], "\(path)[\(index)]", limit)
            }
        case (.string(let one), .string(let other)):
            let start = Self.context(one, other)
            add(path, Self.shown(one, from: start), Self.shown(other, from: start), limit)
        default:
            add(path, Self.cut(old.text()), Self.cut(new.text()), limit)
        }
    }

    private mutating func compareMembers(_ old: JSONValue?, _ new: JSONValue?, _ path: String, _ limit: Int) {
        switch (old, new) {
        case (let old?, let new?): compare(old, new, path, limit)
        case (let old?, nil): add(path, Self.cut(old.text()), "nothing", limit)
        case (nil, let new?): add(path, "nothing", Self.cut(new.text()), limit)
        case (nil, nil): break
        }
    }

    private mutating func add(_ path: String, _ old: String, _ new: String, _ limit: Int) {
        count += 1
        guard lines.count < 2 * limit else { return }
        let path = path.hasPrefix(".") ? String(path.dropFirst()) : path
        lines += ["- \(path): \(old)", "+ \(path): \(new)"]
    }

    /// Some characters before the first that differs.
    private static func context(_ one: String, _ other: String) -> Int {
        max(0, zip(one, other).prefix { $0 == $1 }.count - 30)
    }

    private static func shown(_ text: String, from start: Int) -> String {
        cut((start > 0 ? "…" : "") + JSONValue.string(String(text.dropFirst(start).prefix(textLimit))).text())
    }

    private static func cut(_ text: String) -> String {
        text.count > textLimit ? "\(text.prefix(textLimit))…" : text
    }
}
