import Wire

/// One line of the program's output.
enum Incoming: Sendable {
    case message(AgentMessage)
    /// The program asks something and waits for the answer.
    case request(id: String, body: JSONValue)
    /// The program does not wait for that answer any more.
    case cancel(id: String)
    /// The answer to a request of ours.
    case response(id: String, Result<JSONValue, AgentError>)

    init(_ line: [UInt8]) {
        guard let value = (try? JSONValue(parsing: line)) ?? (try? JSONValue(parsing: Self.mended(line))) else {
            self = .message(.unknown(UnknownMessage(raw: .string(String(decoding: line, as: UTF8.self)))))
            return
        }
        switch value["type"]?.string {
        case "control_request":
            guard let id = value["request_id"]?.string else { fallthrough }
            self = .request(id: id, body: value["request"] ?? [:])
        case "control_cancel_request":
            guard let id = value["request_id"]?.string else { fallthrough }
            self = .cancel(id: id)
        case "control_response":
            guard let response = value["response"], let id = response["request_id"]?.string else { fallthrough }
            self = .response(id: id, Self.outcome(response))
        default:
            self = .message(AgentMessage(value))
        }
    }

    private static func outcome(_ response: JSONValue) -> Result<JSONValue, AgentError> {
        if response["subtype"] == "success" { return .success(response["response"] ?? [:]) }
        let reason = response["error"]?.string ?? "it did not say why"
        return .failure(AgentError(.refused, "Claude Code refused a request: \(reason)"))
    }

    /// The line with half surrogate pairs, and with what is no UTF-8, replaced.
    ///
    /// JavaScript writes the former where it cut a text inside such a character, as the output of tools is cut. They are no
    /// characters, but the rest of the line may be the result of the run, or a question that is waited for.
    private static func mended(_ bytes: [UInt8]) -> [UInt8] {
        let line = Array(String(decoding: bytes, as: UTF8.self).utf8)
        var mended: [UInt8] = []
        mended.reserveCapacity(line.count)
        var place = 0
        while place < line.count {
            guard line[place] == UInt8(ascii: "\\"), place + 1 < line.count else {
                mended.append(line[place])
                place += 1
                continue
            }
            var length = 2
            var isHalf = false
            if let unit = codeUnit(line, at: place) {
                length = 6
                isHalf = (0xD800...0xDFFF).contains(unit)
                if (0xD800...0xDBFF).contains(unit), let next = codeUnit(line, at: place + 6),
                    (0xDC00...0xDFFF).contains(next)
                {
                    length = 12
                    isHalf = false
                }
            }
            mended += isHalf ? Array("\\ufffd".utf8) : Array(line[place..<min(place + length, line.count)])
            place += length
        }
        return mended
    }

    private static func codeUnit(_ line: [UInt8], at place: Int) -> UInt16? {
        guard place + 6 <= line.count, line[place] == UInt8(ascii: "\\"), line[place + 1] == UInt8(ascii: "u") else {
            return nil
        }
        return UInt16(String(decoding: line[(place + 2)..<(place + 6)], as: UTF8.self), radix: 16)
    }
}
