extension Invocation {
    /// The value as a whole number.
    package func integer(
        _ name: String,
        in range: ClosedRange<Int> = .min ... .max
    ) throws(ArgumentsError) -> Int? {
        guard let value = sourced(name) else { return nil }
        if let number = Int(value.text), range.contains(number) { return number }
        let bounds = Self.bounds(
            from: range.lowerBound == .min ? nil : "\(range.lowerBound)",
            to: range.upperBound == .max ? nil : "\(range.upperBound)"
        )
        throw invalid(value, expected: "a whole number\(bounds)")
    }

    /// The value as a number in plain decimal notation, such as `0.25`.
    package func decimal(
        _ name: String,
        in range: ClosedRange<Double> = -.infinity ... .infinity
    ) throws(ArgumentsError) -> Double? {
        guard let value = sourced(name) else { return nil }
        // `Double` also reads "nan", "inf" and hexadecimal, none of which anyone means as an amount.
        let isPlain = value.text.utf8.allSatisfy { "+-.0123456789".utf8.contains($0) }
        if isPlain, let number = Double(value.text), number.isFinite, range.contains(number) { return number }
        let bounds = Self.bounds(
            from: range.lowerBound == -.infinity ? nil : Self.text(range.lowerBound),
            to: range.upperBound == .infinity ? nil : Self.text(range.upperBound)
        )
        throw invalid(value, expected: "a number\(bounds)")
    }

    /// The value as a length of time: `90` (seconds), `90s`, `10m`, `1h30m`, `2d`, `250ms`.
    package func duration(
        _ name: String,
        in range: ClosedRange<Duration> = .zero ... .seconds(Int64.max)
    ) throws(ArgumentsError) -> Duration? {
        guard let value = sourced(name) else { return nil }
        if let duration = UnitNotation.duration(value.text), range.contains(duration) { return duration }
        let bounds = Self.bounds(
            from: range.lowerBound == .zero ? nil : UnitNotation.text(range.lowerBound),
            to: range.upperBound == .seconds(Int64.max) ? nil : UnitNotation.text(range.upperBound)
        )
        throw invalid(value, expected: "a duration such as 90s, 10m or 1h30m\(bounds.isEmpty ? "" : ",\(bounds)")")
    }

    /// The value as a number of bytes: `1048576`, `512K`, `512M`, `2G`, `1T`, each also written `MiB`.
    package func byteCount(
        _ name: String,
        in range: ClosedRange<Int> = 0 ... .max
    ) throws(ArgumentsError) -> Int? {
        guard let value = sourced(name) else { return nil }
        if let count = UnitNotation.byteCount(value.text), range.contains(count) { return count }
        let bounds = Self.bounds(
            from: range.lowerBound == 0 ? nil : UnitNotation.text(bytes: range.lowerBound),
            to: range.upperBound == .max ? nil : UnitNotation.text(bytes: range.upperBound)
        )
        throw invalid(value, expected: "a size such as 512M or 2G\(bounds.isEmpty ? "" : ",\(bounds)")")
    }

    /// The value as one of a fixed set of words.
    package func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ name: String,
        as type: Value.Type = Value.self
    ) throws(ArgumentsError) -> Value? {
        guard let value = sourced(name) else { return nil }
        if let choice = Value(rawValue: value.text) { return choice }
        let words = Value.allCases.map(\.rawValue)
        let hint = nearest(to: value.text, among: words).map { "; did you mean '\($0)'?" } ?? ""
        throw invalid(value, expected: "one of \(words.joined(separator: ", "))", hint: hint)
    }

    /// An error for a value that the command itself refuses; `expected` ends "… must be".
    package func invalid(_ name: String, expected: String) -> ArgumentsError {
        guard let value = sourced(name) else {
            return ArgumentsError(.missingValue, "'\(name)' has no value", at: path)
        }
        return invalid(value, expected: expected)
    }

    private func invalid(_ value: Sourced, expected: String, hint: String = "") -> ArgumentsError {
        ArgumentsError(
            .invalidValue,
            "\(value.origin) of '\(path.text)' must be \(expected), not \(quoted(value.text))\(hint)",
            at: path
        )
    }

    private static func bounds(from lower: String?, to upper: String?) -> String {
        switch (lower, upper) {
        case (nil, nil): ""
        case (let lower?, nil): " of at least \(lower)"
        case (nil, let upper?): " of at most \(upper)"
        case (let lower?, let upper?): " from \(lower) to \(upper)"
        }
    }

    private static func text(_ number: Double) -> String {
        Int(exactly: number).map { "\($0)" } ?? "\(number)"
    }
}
