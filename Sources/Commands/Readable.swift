import FoundationEssentials

/// Figures as people read them.
package enum Readable {
    /// `0.05 s`, `12.3 s`, `2 min 05 s`, `1 h 02 min`.
    package static func time(milliseconds: Int) -> String {
        let seconds = Double(milliseconds) / 1000
        if milliseconds < 10_000 { return "\(fixed(seconds, 2)) s" }
        if milliseconds < 59_950 { return "\(fixed(seconds, 1)) s" }
        let whole = Int(seconds.rounded())
        if whole < 3600 { return "\(whole / 60) min \(padded(whole % 60)) s" }
        return "\(whole / 3600) h \(padded(whole % 3600 / 60)) min"
    }

    package static func time(_ duration: Duration) -> String {
        time(milliseconds: Int(duration / .milliseconds(1)))
    }

    /// A running clock: `0:41`, `12:05`, `1:00:07`.
    package static func clock(_ duration: Duration) -> String {
        let seconds = Int(duration / .seconds(1))
        let minutes = "\(seconds % 3600 / 60)"
        if seconds < 3600 { return "\(minutes):\(padded(seconds % 60))" }
        return "\(seconds / 3600):\(padded(seconds % 3600 / 60)):\(padded(seconds % 60))"
    }

    /// How long ago: `12 s`, `5 min`, `3 h`, `2 d`.
    package static func age(seconds: Double) -> String {
        let seconds = max(0, Int(seconds))
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min"
        case ..<86_400: return "\(seconds / 3600) h"
        default: return "\(seconds / 86_400) d"
        }
    }

    package static func age(of date: Date, at now: Date = Date()) -> String {
        age(seconds: now.timeIntervalSince(date))
    }

    /// `950`, `12.3k`, `1.2M`.
    package static func count(_ number: Int) -> String {
        switch number {
        case ..<1000: "\(number)"
        case ..<999_950: "\(fixed(Double(number) / 1000, 1))k"
        default: "\(fixed(Double(number) / 1_000_000, 1))M"
        }
    }

    /// `1 turn`, `2 turns`.
    package static func plural(_ number: Int, _ noun: String) -> String {
        "\(count(number)) \(noun)\(number == 1 ? "" : "s")"
    }

    /// `$0.0421`, `$12.50`.
    package static func dollars(_ amount: Double) -> String {
        "$\(fixed(amount, amount < 1 ? 4 : 2))"
    }

    /// `12 KiB`, `1.5 GiB`.
    package static func bytes(_ count: Int64) -> String {
        var amount = Double(count)
        var unit = "B"
        for next in ["KiB", "MiB", "GiB", "TiB"] where amount >= 1024 {
            amount /= 1024
            unit = next
        }
        return unit == "B" || amount >= 10 ? "\(fixed(amount, 0)) \(unit)" : "\(fixed(amount, 1)) \(unit)"
    }

    /// `number` with exactly `digits` digits behind the point.
    static func fixed(_ number: Double, _ digits: Int) -> String {
        guard number.isFinite, abs(number) < 1e15 else { return "\(number)" }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int64((abs(number) * scale).rounded())
        let sign = number < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let text = String(scaled)
        let all = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
        return "\(sign)\(all.dropLast(digits)).\(all.suffix(digits))"
    }

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
