import Wire

/// A finite number as `digits × 10^exponent`: what was written, not what a binary fraction made of it.
struct DecimalNumber {
    let magnitude: UInt64
    let exponent: Int

    init?(_ value: JSONValue) {
        switch value {
        case .integer(let integer):
            magnitude = integer.magnitude
            exponent = 0
        case .number(let number) where number.isFinite:
            // The shortest text that reads back as this number has at most 17 digits, which fit.
            var digits: UInt64 = 0
            var scale = 0
            var isFraction = false
            let text = number.magnitude.description.lowercased().split(separator: "e", maxSplits: 1)
            for byte in text[0].utf8 {
                guard byte.isASCIIDigit else {
                    isFraction = true
                    continue
                }
                let (product, overflowed) = digits.multipliedReportingOverflow(by: 10)
                guard !overflowed else {
                    if !isFraction { scale += 1 }
                    continue
                }
                digits = product + UInt64(byte - UInt8(ascii: "0"))
                if isFraction { scale -= 1 }
            }
            magnitude = digits
            exponent = scale + (text.count == 2 ? Int(text[1]) ?? 0 : 0)
        default:
            return nil
        }
    }

    /// Whether `self ÷ divisor` is a whole number, exactly.
    func isMultiple(of divisor: DecimalNumber) -> Bool {
        guard magnitude != 0 else { return true }
        guard divisor.magnitude != 0 else { return false }
        let shift = exponent - divisor.exponent
        if shift >= 0 {
            var remainder = magnitude % divisor.magnitude
            for _ in 0..<shift where remainder != 0 {
                let (high, low) = remainder.multipliedFullWidth(by: 10)
                remainder = divisor.magnitude.dividingFullWidth((high % divisor.magnitude, low)).remainder
            }
            return remainder == 0
        }
        var scaled = divisor.magnitude
        for _ in 0..<(-shift) {
            let (product, overflowed) = scaled.multipliedReportingOverflow(by: 10)
            guard !overflowed else { return false }
            scaled = product
        }
        return magnitude % scaled == 0
    }
}

extension JSONValue {
    /// Whether this number is below `other`, without rounding a large integer to a binary fraction.
    func isNumber(below other: JSONValue) -> Bool {
        if case .integer(let left) = wholeNumber, case .integer(let right) = other.wholeNumber { return left < right }
        guard let left = number, let right = other.number else { return false }
        return left < right
    }

    /// A number without fraction as `integer`, so that `1` and `1.0` are the same; everything else as it is.
    private var wholeNumber: JSONValue {
        if case .number(let number) = self, let integer = Int64(exactly: number) { .integer(integer) } else { self }
    }

    /// Equality of JSON Schema: `1` is `1.0`, and strings are equal when their code points are.
    func isSame(as other: JSONValue) -> Bool {
        switch (self, other) {
        case (.string(let left), .string(let right)):
            left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0.isSame(as: $1) }
        case (.object(let left), .object(let right)):
            left.count == right.count
                && left.allSatisfy { key, value in right[key].map { value.isSame(as: $0) } ?? false }
        default:
            wholeNumber == other.wholeNumber
        }
    }

    /// A form in which values that are the same are also equal, so that they can be looked up; `count` grows by the
    /// number of values in it.
    func normalized(counting count: inout Int) -> JSONValue {
        count += 1
        switch self {
        case .array(let elements): return .array(elements.map { $0.normalized(counting: &count) })
        case .object(let members): return .object(members.mapValues { $0.normalized(counting: &count) })
        default: return wholeNumber
        }
    }
}
