/// The beginning of what `git push` sends: the refs that it wants changed, before the objects.
///
///     [0035shallow ID\n]… 00NNOLD NEW REF\0capabilities\n 00NNOLD NEW REF\n … 0000 [options 0000] PACK…
///
/// <https://git-scm.com/docs/pack-protocol#_reference_update_request_and_packfile_transfer>
package struct PushRequest: Sendable, Hashable {
    package enum Reading: Sendable, Hashable {
        /// So far it is one; more bytes are needed.
        case incomplete
        case whole(PushRequest)
        /// It is none, or one that two readers could read in two ways.
        case malformed
        /// It is signed: what it wants stands where only its receiver reads it.
        case signed
    }

    /// Bytes that the wishes may take, without the objects.
    package static let limit = 1024 * 1024

    /// Longer names no file system has.
    private static let nameLimit = 1024

    /// The names of the refs to be made, moved or removed; empty where git only asks whether it may push.
    package var refs: [String] = []
    package var capabilities: Set<String> = []

    /// Reads the beginning of a request's body.
    package static func read(_ bytes: some RandomAccessCollection<UInt8>) -> Reading {
        var request = PushRequest()
        var rest = Array(bytes)[...]
        var seen: Set<String> = []
        while true {
            guard rest.count >= 4 else { return bytes.count >= limit ? .malformed : .incomplete }
            guard let length = hexadecimal(rest.prefix(4)) else { return .malformed }
            // The end of the wishes. The other short lengths belong to later versions of the protocol.
            if length == 0 { return .whole(request) }
            guard (5...65_520).contains(length) else { return .malformed }
            guard rest.count >= length else { return bytes.count >= limit ? .malformed : .incomplete }
            var line = rest.dropFirst(4).prefix(length - 4)
            rest = rest.dropFirst(length)
            if line.starts(with: "push-cert".utf8) { return .signed }
            if line.starts(with: "shallow ".utf8), request.refs.isEmpty {
                if line.last == 0x0A { line = line.dropLast() }
                guard isObject(line.dropFirst("shallow ".utf8.count)) else { return .malformed }
                continue
            }
            if let end = line.firstIndex(of: 0) {
                // Capabilities stand behind the first wish alone.
                guard request.refs.isEmpty else { return .malformed }
                let words = line[line.index(after: end)...]
                request.capabilities = Set(
                    words.split(whereSeparator: { $0 == 0x20 || $0 == 0x0A }).map {
                        String(decoding: $0, as: UTF8.self)
                    }
                )
                line = line[..<end]
            } else if line.last == 0x0A {
                line = line.dropLast()
            }
            let parts = line.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, isObject(parts[0]), isObject(parts[1]), parts[0].count == parts[1].count,
                parts[2].count <= nameLimit, parts[2].starts(with: "refs/".utf8), GitRefName.isPlain(parts[2]),
                parts[2].last != 0x2F,
                let name = String(validating: parts[2], as: UTF8.self), seen.insert(name).inserted
            else { return .malformed }
            request.refs.append(name)
        }
    }

    /// The number of four digits, of which git's own reader takes either case.
    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> Int? {
        var number = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: number = number << 4 | Int(digit - 0x30)
            case 0x41...0x46: number = number << 4 | Int(digit - 0x41 + 10)
            case 0x61...0x66: number = number << 4 | Int(digit - 0x61 + 10)
            default: return nil
            }
        }
        return number
    }

    private static func isObject(_ text: ArraySlice<UInt8>) -> Bool {
        (text.count == 40 || text.count == 64)
            && text.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    // MARK: Refusing

    /// The answer that has git say of each ref why it was not pushed; nil for a git that wants no answer.
    ///
    /// - Parameter reason: one line.
    package func refusal(_ reason: (String) -> String) -> [UInt8]? {
        guard capabilities.contains("report-status") || capabilities.contains("report-status-v2") else { return nil }
        var report = Self.packet("unpack ok\n")
        for ref in refs { report += Self.packet("ng \(ref) \(reason(ref))\n") }
        report += Array("0000".utf8)
        guard capabilities.contains("side-band-64k") || capabilities.contains("side-band") else { return report }
        // The first band is the report; a packet of the older one has a thousand bytes at most.
        let most = capabilities.contains("side-band-64k") ? 65_515 : 995
        var wrapped: [UInt8] = []
        while !report.isEmpty {
            wrapped += Self.packet([1] + report.prefix(most))
            report.removeFirst(min(most, report.count))
        }
        return wrapped + Array("0000".utf8)
    }

    private static func packet(_ text: String) -> [UInt8] { packet(Array(text.utf8)) }

    private static func packet(_ bytes: [UInt8]) -> [UInt8] {
        let digits = String(bytes.count + 4, radix: 16)
        return Array((String(repeating: "0", count: 4 - digits.count) + digits).utf8) + bytes
    }
}
