/// What a `.dockerignore` leaves out of the context.
///
/// One pattern a line: `*` and `?` and `[a-z]` within a name, `**` over any number of them, `!` for what stays after all, `#`
/// for a comment. The last pattern that fits decides; what leaves out a directory leaves out what is below it.
package struct IgnoredFiles: Sendable, Hashable {
    private struct Rule: Sendable, Hashable {
        var parts: [String]
        var isExcepted: Bool
    }

    private let rules: [Rule]

    package init(parsing text: String) {
        rules = text.split(omittingEmptySubsequences: true) { $0 == "\n" || $0 == "\r\n" }.compactMap { line in
            if line.hasPrefix("#") { return nil }
            var pattern = line.trimmed
            let isExcepted = pattern.hasPrefix("!")
            if isExcepted { pattern = String(pattern.dropFirst()).trimmed }
            var parts: [String] = []
            for part in pattern.split(separator: "/").map(String.init) where part != "." {
                if part == ".." { _ = parts.popLast() } else { parts.append(part) }
            }
            return parts.isEmpty ? nil : Rule(parts: parts, isExcepted: isExcepted)
        }
    }

    package var isEmpty: Bool { rules.isEmpty }
    /// Whether something below a directory that is left out may stay.
    package var hasExceptions: Bool { rules.contains(where: \.isExcepted) }

    /// - Parameter path: from the context, without a slash at either end.
    package func contains(_ path: String) -> Bool {
        let parts = path.split(separator: "/").map(String.init)
        var isIgnored = false
        for rule in rules where rule.isExcepted == isIgnored {
            let fits = (1...max(parts.count, 1)).contains { Self.fits(rule.parts[...], parts.prefix($0)) }
            if fits { isIgnored = !rule.isExcepted }
        }
        return isIgnored
    }

    private static func fits(_ pattern: ArraySlice<String>, _ path: ArraySlice<String>) -> Bool {
        guard let first = pattern.first else { return path.isEmpty }
        let rest = pattern.dropFirst()
        if first == "**" {
            // At the end it stands for what is below, and not for the place itself.
            if rest.isEmpty { return !path.isEmpty }
            return path.indices.contains { fits(rest, path[$0...]) }
        }
        guard let name = path.first else { return false }
        return fits(name: Array(first.unicodeScalars)[...], Array(name.unicodeScalars)[...])
            && fits(rest, path.dropFirst())
    }

    /// One name against one part of a pattern. A star is tried again from the last place alone, so that no pattern takes long.
    private static func fits(name pattern: ArraySlice<Unicode.Scalar>, _ name: ArraySlice<Unicode.Scalar>) -> Bool {
        var (pattern, name) = (pattern, name)
        var star: (pattern: ArraySlice<Unicode.Scalar>, name: ArraySlice<Unicode.Scalar>)?
        while true {
            if pattern.first == "*" {
                pattern = pattern.dropFirst()
                star = (pattern, name)
                continue
            }
            if pattern.isEmpty, name.isEmpty { return true }
            if let character = name.first, let after = taken(character, by: pattern) {
                (pattern, name) = (after, name.dropFirst())
                continue
            }
            guard let last = star, !last.name.isEmpty else { return false }
            star = (last.pattern, last.name.dropFirst())
            (pattern, name) = (last.pattern, last.name.dropFirst())
        }
    }

    /// What is left of a pattern whose first element takes `character`.
    private static func taken(_ character: Unicode.Scalar, by pattern: ArraySlice<Unicode.Scalar>)
        -> ArraySlice<Unicode.Scalar>?
    {
        guard let first = pattern.first else { return nil }
        let rest = pattern.dropFirst()
        switch first {
        case "?": return rest
        case "\\":
            guard let next = rest.first else { return nil }
            return next == character ? rest.dropFirst() : nil
        case "[":
            guard let set = Set(rest) else { return first == character ? rest : nil }
            return set.contains(character) ? rest.dropFirst(set.length) : nil
        default: return first == character ? rest : nil
        }
    }

    /// `[a-z_]`, `[^a]`, behind its opening.
    private struct Set {
        var isInverted = false
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        /// Of the pattern, with the closing bracket.
        var length: Int

        init?(_ pattern: ArraySlice<Unicode.Scalar>) {
            var rest = pattern
            if rest.first == "^" || rest.first == "!" {
                isInverted = true
                rest = rest.dropFirst()
            }
            func next() -> Unicode.Scalar? {
                if rest.first == "\\" { rest = rest.dropFirst() }
                return rest.popFirst()
            }
            while let scalar = rest.first, scalar != "]" || ranges.isEmpty {
                guard let low = next() else { return nil }
                var high = low
                if rest.first == "-", rest.dropFirst().first != "]" {
                    rest = rest.dropFirst()
                    guard let end = next() else { return nil }
                    high = end
                }
                guard low <= high else { return nil }
                ranges.append(low...high)
            }
            guard rest.first == "]" else { return nil }
            length = pattern.count - rest.count + 1
        }

        func contains(_ scalar: Unicode.Scalar) -> Bool { ranges.contains { $0.contains(scalar) } != isInverted }
    }
}
