/// What differs between two runs of the same task, and says nothing about it: identifiers and moments in text.
enum Volatile {
    /// The text with a mark in the place of each UUID, date and time of day.
    static func masked(_ text: String) -> String {
        let bytes = Array(text.utf8)
        guard bytes.contains(0x2D) else { return text }
        var masked: [UInt8] = []
        masked.reserveCapacity(bytes.count)
        var hasChanged = false
        var place = 0
        while place < bytes.count {
            if isBoundary(bytes, place) {
                if let end = uuid(bytes, place) {
                    hasChanged = true
                    masked += "‹uuid›".utf8
                    place = end
                    continue
                }
                if let end = moment(bytes, place) {
                    hasChanged = true
                    masked += "‹time›".utf8
                    place = end
                    continue
                }
            }
            masked.append(bytes[place])
            place += 1
        }
        return hasChanged ? String(decoding: masked, as: UTF8.self) : text
    }

    private static func isBoundary(_ bytes: [UInt8], _ place: Int) -> Bool {
        place == 0 || !isHexadecimal(bytes[place - 1])
    }

    private static func uuid(_ bytes: [UInt8], _ start: Int) -> Int? {
        let end = start + 36
        guard end <= bytes.count else { return nil }
        for index in 0..<36 {
            let isDash = [8, 13, 18, 23].contains(index)
            guard isDash ? bytes[start + index] == 0x2D : isHexadecimal(bytes[start + index]) else { return nil }
        }
        return end == bytes.count || !isHexadecimal(bytes[end]) ? end : nil
    }

    /// `2026-11-20`, perhaps with a time of day behind it.
    private static func moment(_ bytes: [UInt8], _ start: Int) -> Int? {
        guard let date = match("dddd-dd-dd", bytes, start) else { return nil }
        guard date < bytes.count, bytes[date] == 0x54 || bytes[date] == 0x20,
            var end = match("dd:dd", bytes, date + 1)
        else { return date }
        end = match(":dd", bytes, end) ?? end
        if end < bytes.count, bytes[end] == 0x2E {
            while end + 1 < bytes.count, isDigit(bytes[end + 1]) { end += 1 }
            end += bytes[end] == 0x2E ? 0 : 1
        }
        if end < bytes.count, bytes[end] == 0x5A { return end + 1 }
        return match("+dd:dd", bytes, end) ?? match("-dd:dd", bytes, end) ?? end
    }

    /// Matches digits where the pattern has a `d`; the place behind them.
    private static func match(_ pattern: String, _ bytes: [UInt8], _ start: Int) -> Int? {
        var place = start
        for expected in pattern.utf8 {
            guard place < bytes.count else { return nil }
            guard expected == 0x64 ? isDigit(bytes[place]) : bytes[place] == expected else { return nil }
            place += 1
        }
        return place
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte)
    }
}
