/// The first message of a TLS client, read for the one thing that is not encrypted and matters here: whom it wants.
package enum ClientHello {
    package enum Reading: Sendable, Hashable {
        /// So far it is one; more bytes are needed.
        case incomplete
        /// Nil: it names nobody.
        case names(DomainName?)
        /// It is no ClientHello, or one that two readers could read in two ways.
        case malformed
    }

    /// Bytes of all records. Those of today's clients have two thousand.
    package static let limit = 32 * 1024
    /// A client may cut its message into records; one that cuts it into many wants to be misread.
    private static let recordLimit = 16

    /// Whether `byte` begins TLS.
    package static func begins(with byte: UInt8) -> Bool { byte == 0x16 }

    /// Reads the beginning of a stream.
    package static func read(_ bytes: some RandomAccessCollection<UInt8>) -> Reading {
        switch message(Array(bytes)) {
        case .whole(let message): hello(message)
        case .incomplete: bytes.count >= limit ? .malformed : .incomplete
        case .malformed: .malformed
        }
    }

    private enum Message {
        case whole(ArraySlice<UInt8>)
        case incomplete
        case malformed
    }

    /// Joins records until the first handshake message is whole.
    private static func message(_ bytes: [UInt8]) -> Message {
        var reader = ByteReader(bytes[...])
        var message: [UInt8] = []
        for _ in 0..<recordLimit {
            if let wanted = wanted(message) {
                guard wanted <= limit else { return .malformed }
                if message.count >= wanted { return .whole(message[4..<wanted]) }
            }
            guard let type = reader.byte() else { return .incomplete }
            guard type == 0x16 else { return .malformed }
            guard let major = reader.byte() else { return .incomplete }
            guard major == 3 else { return .malformed }
            guard reader.byte() != nil, let length = reader.number(2) else { return .incomplete }
            guard (1...16_384).contains(length) else { return .malformed }
            let part = reader.rest.prefix(length)
            message += part
            // Told early: what is no ClientHello need not be waited for.
            if let first = message.first, first != 1 { return .malformed }
            guard part.count == length else { return .incomplete }
            reader = ByteReader(reader.rest.dropFirst(length))
        }
        if let wanted = wanted(message), message.count >= wanted { return .whole(message[4..<wanted]) }
        return .malformed
    }

    /// How long a handshake message with its header is.
    private static func wanted(_ message: [UInt8]) -> Int? {
        message.count < 4 ? nil : 4 + message[1..<4].reduce(0) { $0 << 8 | Int($1) }
    }

    private static func hello(_ message: ArraySlice<UInt8>) -> Reading {
        var reader = ByteReader(message)
        guard reader.number(2) != nil, reader.take(32) != nil, reader.vector(1) != nil,
            let suites = reader.vector(2), !suites.isEmpty, let compressions = reader.vector(1), !compressions.isEmpty
        else { return .malformed }
        // Before TLS 1.3 there need be no extensions.
        if reader.rest.isEmpty { return .names(nil) }
        guard let extensions = reader.vector(2), reader.rest.isEmpty else { return .malformed }
        var list = ByteReader(extensions)
        var name: DomainName?
        var seen: Set<Int> = []
        while !list.rest.isEmpty {
            guard let type = list.number(2), let body = list.vector(2) else { return .malformed }
            guard seen.insert(type).inserted else { return .malformed }
            if type == 0 {
                guard let read = serverName(body) else { return .malformed }
                name = read
            }
        }
        return .names(name)
    }

    /// RFC 6066 §3: a list that may in practice hold one host name and nothing else.
    private static func serverName(_ body: ArraySlice<UInt8>) -> DomainName? {
        var reader = ByteReader(body)
        guard let list = reader.vector(2), reader.rest.isEmpty else { return nil }
        reader = ByteReader(list)
        guard reader.byte() == 0, let name = reader.vector(2), reader.rest.isEmpty else { return nil }
        return DomainName(bytes: name)
    }
}
