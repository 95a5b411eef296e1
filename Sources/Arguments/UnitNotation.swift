/// Reads and writes numbers with units: `1h30m`, `512M`.
enum UnitNotation {
    private static let timeUnits: [(suffix: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]
    private static let byteUnits: [(suffix: String, bytes: Int)] = [
        ("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10),
    ]

    /// Reads whole numbers with units, each unit once and the larger first; a bare number is seconds.
    static func duration(_ text: String) -> Duration? {
        if let seconds = number(text[...]) {
            // Kept below what a `Duration` of milliseconds can say.
            return seconds <= .max / 1000 ? .milliseconds(seconds * 1000) : nil
        }
        var rest = text[...]
        var units = timeUnits[...]
        var total: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let suffix = rest.dropFirst(digits.count).prefix { $0.isLetter }
            guard let amount = number(digits), let place = units.firstIndex(where: { $0.suffix == suffix }) else {
                return nil
            }
            let (part, partOverflows) = amount.multipliedReportingOverflow(by: units[place].milliseconds)
            let (sum, sumOverflows) = total.addingReportingOverflow(part)
            if partOverflows || sumOverflows { return nil }
            total = sum
            units = units[(place + 1)...]
            rest = rest[suffix.endIndex...]
        }
        return text.isEmpty ? nil : .milliseconds(total)
    }

    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        var rest = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        var text = ""
        for unit in timeUnits where rest >= unit.milliseconds {
            text += "\(rest / unit.milliseconds)\(unit.suffix)"
            rest %= unit.milliseconds
        }
        return text.isEmpty ? "0s" : text
    }

    /// Reads a whole number of bytes; the units are powers of 1024, and `M`, `MB` and `MiB` are one.
    static func byteCount(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let amount = number(digits).flatMap({ Int(exactly: $0) }) else { return nil }
        let suffix = text.dropFirst(digits.count).lowercased()
        if suffix.isEmpty || suffix == "b" { return amount }
        let unit = byteUnits.first { unit in
            let letter = unit.suffix.lowercased()
            return [letter, "\(letter)b", "\(letter)ib"].contains(suffix)
        }
        guard let unit else { return nil }
        let (bytes, overflows) = amount.multipliedReportingOverflow(by: unit.bytes)
        return overflows ? nil : bytes
    }

    static func text(bytes: Int) -> String {
        for unit in byteUnits where bytes > 0 && bytes.isMultiple(of: unit.bytes) {
            return "\(bytes / unit.bytes)\(unit.suffix)"
        }
        return "\(bytes)"
    }

    /// Digits only: no sign, no space.
    private static func number(_ digits: Substring) -> Int64? {
        digits.allSatisfy { $0.isASCII && $0.isNumber } ? Int64(digits) : nil
    }
}
