/// What part of a file a `Range` field asks for: RFC 9110 §14.
enum ByteRange: Equatable {
    /// No part: there is no such field, or one that is not understood, which is the same.
    case whole
    /// Never empty.
    case part(Range<Int64>)
    /// The part lies behind the end.
    case unsatisfiable

    /// Reads a field that asks for one part; several in one answer are not offered, so those get the whole.
    init(_ field: String?, size: Int64) {
        self = .whole
        guard let field, field.lowercased().hasPrefix("bytes=") else { return }
        let ends = field.dropFirst("bytes=".count).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]) else { return }
        switch (first, last) {
        case (nil, nil): return
        case (nil, let count?):
            let start = max(0, size - count)
            self = count == 0 || size == 0 ? .unsatisfiable : .part(start..<size)
        case (let start?, let last):
            if let last, last < start { return }
            if start >= size {
                self = .unsatisfiable
            } else {
                self = .part(start..<min(size, (last ?? size - 1) + 1))
            }
        }
    }

    /// The number in `text`; the inner nil is an empty text, the outer one is no number. What is too large for any file is one
    /// that is just as large.
    private static func number(_ text: Substring) -> Int64?? {
        if text.isEmpty { return .some(nil) }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return .some(Int64(text) ?? Int64.max - 1)
    }
}
