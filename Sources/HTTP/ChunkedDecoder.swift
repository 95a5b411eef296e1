/// Takes a chunked body apart, in whatever pieces it arrives.
package struct ChunkedDecoder: Sendable {
    private enum State {
        /// In the line with a chunk's size. Goes to `data` or `trailer`.
        case size([UInt8])
        /// In a chunk's bytes. Goes to `dataEnd`.
        case data(remaining: Int)
        /// At the CR LF behind a chunk's bytes. Goes to `size`.
        case dataEnd([UInt8])
        /// In the lines after the last chunk. Goes to `finished`.
        case trailer(length: Int, last: UInt8, total: Int)
        /// Terminal.
        case finished
    }

    private var state = State.size([])
    private let limits: HTTPLimits

    package init(limits: HTTPLimits) {
        self.limits = limits
    }

    package var isFinished: Bool {
        if case .finished = state { true } else { false }
    }

    /// Consumes from `input` and gives the next bytes of the body, `count` at most; an empty array means that more input is
    /// needed, or the end.
    package mutating func next(_ input: inout ArraySlice<UInt8>, upTo count: Int = .max) throws(HTTPError) -> [UInt8] {
        while !input.isEmpty {
            switch state {
            case .size(var line):
                line.append(input.removeFirst())
                guard line.count <= 256 else { throw .badRequest("A chunk size line is too long") }
                state = .size(line)
                if line.last == 0x0A {
                    let size = try Self.size(line)
                    state = size == 0 ? .trailer(length: 0, last: 0, total: 0) : .data(remaining: size)
                }
            case .data(let remaining):
                let taken = input.prefix(min(remaining, count))
                input = input.dropFirst(taken.count)
                state = taken.count == remaining ? .dataEnd([]) : .data(remaining: remaining - taken.count)
                return Array(taken)
            case .dataEnd(var seen):
                seen.append(input.removeFirst())
                guard seen[0] == 0x0D, seen.count == 1 || seen[1] == 0x0A else {
                    throw .badRequest("A chunk is longer than its size says")
                }
                state = seen.count == 2 ? .size([]) : .dataEnd(seen)
            case .trailer(let length, let last, let total):
                // The trailer's fields have no meaning here; only where it ends has.
                let byte = input.removeFirst()
                guard total < limits.head else { throw HTTPError(431, "The trailer is too long") }
                guard byte == 0x0A else {
                    state = .trailer(length: length + 1, last: byte, total: total + 1)
                    continue
                }
                guard last == 0x0D else { throw .badRequest("A trailer line ends in a bare line feed") }
                if length == 1 {
                    state = .finished
                    return []
                }
                state = .trailer(length: 0, last: 0, total: total + 1)
            case .finished:
                return []
            }
        }
        return []
    }

    private static func size(_ line: [UInt8]) throws(HTTPError) -> Int {
        guard line.count >= 3, line[line.count - 2] == 0x0D else {
            throw .badRequest("A chunk size line ends in a bare line feed")
        }
        // An extension after ';' has no meaning here.
        let digits = line.dropLast(2).prefix { $0 != 0x3B }
        guard !digits.isEmpty, !line.dropLast(2).contains(0x0D) else { throw .badRequest("A chunk has no size") }
        guard digits.count <= 15 else { throw HTTPError(413, "A chunk is too large") }
        var size = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: size = size << 4 | Int(digit - 0x30)
            case 0x41...0x46: size = size << 4 | Int(digit - 0x37)
            case 0x61...0x66: size = size << 4 | Int(digit - 0x57)
            default: throw .badRequest("A chunk size is not a hexadecimal number")
            }
        }
        return size
    }
}
