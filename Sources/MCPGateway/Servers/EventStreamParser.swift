/// Cuts server-sent events out of a stream of bytes.
///
/// Only their data is kept: what else an event may say has no meaning in this protocol.
package struct EventStreamParser: Sendable {
    package struct TooLong: Error {}

    private let limit: Int
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var isBehindReturn = false

    package init(limit: Int) {
        self.limit = limit
    }

    /// Takes the next bytes and gives the data of the events that they complete.
    package mutating func add(_ bytes: [UInt8]) throws(TooLong) -> [[UInt8]] {
        var events: [[UInt8]] = []
        for byte in bytes {
            // A line ends with CR, LF or both.
            let isSecondHalf = byte == 0x0A && isBehindReturn
            isBehindReturn = byte == 0x0D
            if isSecondHalf { continue }
            guard byte == 0x0A || byte == 0x0D else {
                line.append(byte)
                guard line.count + data.count <= limit else { throw TooLong() }
                continue
            }
            if let event = endLine() { events.append(event) }
        }
        return events
    }

    private mutating func endLine() -> [UInt8]? {
        defer { line.removeAll(keepingCapacity: true) }
        if line.isEmpty {
            defer { (data, hasData) = ([], false) }
            return hasData ? data : nil
        }
        let name = line.prefix { $0 != 0x3A }
        guard name.elementsEqual("data".utf8) else { return nil }
        var value = line.dropFirst(name.count + 1)
        if value.first == 0x20 { value = value.dropFirst() }
        if hasData { data.append(0x0A) }
        data += value
        hasData = true
        return nil
    }
}
