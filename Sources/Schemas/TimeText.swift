/// Dates, times (RFC 3339) and durations (ISO 8601, as RFC 3339 appendix A has them), as text.
enum TimeText {
    static func isDateTime(_ text: String) -> Bool {
        let parts = text.utf8.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 | 0x20 == UInt8(ascii: "t") }
        return parts.count == 2 && isDate(parts[0]) && isTime(parts[1])
    }

    static func isDate(_ text: String) -> Bool { isDate(text.utf8[...]) }
    static func isTime(_ text: String) -> Bool { isTime(text.utf8[...]) }

    private static func isDate(_ text: Substring.UTF8View) -> Bool {
        var rest = text
        guard let year = number(&rest, digits: 4), take(&rest, "-"), let month = number(&rest, digits: 2),
            take(&rest, "-"), let day = number(&rest, digits: 2), rest.isEmpty
        else { return false }
        return (1...12).contains(month) && (1...days(of: month, in: year)).contains(day)
    }

    private static func days(of month: Int, in year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func isTime(_ text: Substring.UTF8View) -> Bool {
        var rest = text
        guard let hour = number(&rest, digits: 2), take(&rest, ":"), let minute = number(&rest, digits: 2),
            take(&rest, ":"), let second = number(&rest, digits: 2), hour < 24, minute < 60, second <= 60
        else { return false }
        if take(&rest, ".") {
            let fraction = rest.prefix(while: \.isASCIIDigit)
            guard !fraction.isEmpty else { return false }
            rest = rest.dropFirst(fraction.count)
        }
        guard let offset = offset(&rest), rest.isEmpty else { return false }
        // A leap second is the last one of a day in UTC.
        let minuteOfDay = (hour * 60 + minute - offset + 2 * 1440) % 1440
        return second < 60 || minuteOfDay == 1439
    }

    /// Minutes east of UTC.
    private static func offset(_ rest: inout Substring.UTF8View) -> Int? {
        if take(&rest, "Z") || take(&rest, "z") { return 0 }
        let sign = take(&rest, "+") ? 1 : take(&rest, "-") ? -1 : 0
        guard sign != 0, let hours = number(&rest, digits: 2), take(&rest, ":"), let minutes = number(&rest, digits: 2),
            hours < 24, minutes < 60
        else { return nil }
        return sign * (hours * 60 + minutes)
    }

    static func isDuration(_ text: String) -> Bool {
        var rest = text.utf8[...]
        guard take(&rest, "P"), !rest.isEmpty else { return false }
        let parts = rest.split(separator: UInt8(ascii: "T"), maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 1 { return isRun(parts[0], of: "YMD") || isRun(parts[0], of: "W") }
        return (parts[0].isEmpty || isRun(parts[0], of: "YMD")) && isRun(parts[1], of: "HMS")
    }

    /// Whether `text` is numbers with units that follow each other in `units` without a gap.
    private static func isRun(_ text: Substring.UTF8View, of units: String) -> Bool {
        guard !text.isEmpty else { return false }
        let order = Array(units.utf8)
        var rest = text
        var last: Int?
        while !rest.isEmpty {
            let digits = rest.prefix(while: \.isASCIIDigit)
            rest = rest.dropFirst(digits.count)
            guard !digits.isEmpty, let unit = rest.popFirst(), let place = order.firstIndex(of: unit),
                last == nil || place == (last ?? 0) + 1
            else { return false }
            last = place
        }
        return true
    }

    private static func number(_ rest: inout Substring.UTF8View, digits: Int) -> Int? {
        let taken = rest.prefix(digits)
        guard taken.count == digits, taken.allSatisfy(\.isASCIIDigit) else { return nil }
        rest = rest.dropFirst(digits)
        return taken.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func take(_ rest: inout Substring.UTF8View, _ scalar: Unicode.Scalar) -> Bool {
        guard let first = rest.first, first == UInt8(ascii: scalar) else { return false }
        rest = rest.dropFirst()
        return true
    }
}
