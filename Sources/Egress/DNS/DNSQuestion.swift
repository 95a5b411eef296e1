/// A question to a name server, as RFC 1035 writes it: of all that a message may hold, the one question that resolvers ask.
package struct DNSQuestion: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case a
        case aaaa
        /// Anything else, which is not answered.
        case other(UInt16)
    }

    package enum Reading: Sendable, Hashable {
        case question(DNSQuestion)
        /// A message with an id, so that its sender can be told that it was not understood.
        case malformed(id: UInt16)
        /// Nothing that could be answered; answers among them, which must never be answered.
        case ignored
    }

    /// Longer ones than any question needs to be.
    package static let limit = 1024

    let id: UInt16
    let wantsRecursion: Bool
    /// As it stands in the message, for the answer to repeat: some clients choose capitals as a check.
    let bytes: [UInt8]
    /// Nil for a name that no host can have.
    package let name: DomainName?
    package let kind: Kind
    /// How long an answer the client takes; nil when it did not say.
    let answerLimit: Int?

    package static func read(_ message: [UInt8]) -> Reading {
        var reader = ByteReader(message[...])
        guard message.count <= limit, let id = reader.number(2), let flags = reader.number(2), flags & 0x8000 == 0
        else {
            return .ignored
        }
        let malformed = Reading.malformed(id: UInt16(id))
        // One question, nothing answered, and at most the one additional record that EDNS wants.
        guard flags & 0x7800 == 0, flags & 0x0200 == 0, reader.number(2) == 1, reader.number(2) == 0,
            reader.number(2) == 0, let additional = reader.number(2), additional <= 1
        else { return malformed }
        let start = reader.rest
        guard let labels = labels(&reader), let type = reader.number(2), let classCode = reader.number(2) else {
            return malformed
        }
        let bytes = Array(start.prefix(start.count - reader.rest.count))
        var answerLimit: Int?
        if additional == 1 {
            guard reader.byte() == 0, reader.number(2) == 41, let size = reader.number(2), reader.take(4) != nil,
                reader.vector(2) != nil
            else { return malformed }
            answerLimit = size
        }
        guard reader.rest.isEmpty else { return malformed }
        let kind: Kind =
            switch (classCode, type) {
            case (1, 1): .a
            case (1, 28): .aaaa
            default: .other(UInt16(type))
            }
        return .question(
            DNSQuestion(
                id: UInt16(id),
                wantsRecursion: flags & 0x0100 != 0,
                bytes: bytes,
                name: name(labels),
                kind: kind,
                answerLimit: answerLimit
            )
        )
    }

    /// The labels of a name. A pointer has nothing to point to in a question.
    private static func labels(_ reader: inout ByteReader) -> [ArraySlice<UInt8>]? {
        var labels: [ArraySlice<UInt8>] = []
        var length = 0
        while let count = reader.byte() {
            if count == 0 { return labels }
            length += Int(count) + 1
            guard count <= 63, length <= 254, let label = reader.take(Int(count)) else { return nil }
            labels.append(label)
        }
        return nil
    }

    private static func name(_ labels: [ArraySlice<UInt8>]) -> DomainName? {
        // A dot inside a label would be another name once it is text.
        guard labels.allSatisfy({ !$0.contains(0x2E) }) else { return nil }
        return DomainName(bytes: Array(labels.joined(separator: [0x2E])))
    }
}
