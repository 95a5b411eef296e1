// What a guest and its host say to each other about the files of a mounted volume, on a tunnel that carries nothing else.
//
//     guest  TunnelOpening  ──►  host
//            host's first byte: whether the volume is there (`served`) or is not, or not for this sandbox (`refused`)
//     guest  length id request ──►                    any number in flight
//            ◄── length id errno answer               in any order
//
// Every request names its file by path and is complete in itself, so a tunnel that is lost is replaced by another, on which
// what was not answered is asked again. Numbers have their lowest byte first.

/// The frames of that conversation, both ways.
package enum VolumeFrames {
    /// The largest piece of a file that is read or written at once.
    package static let pieceLimit = 128 * 1024
    /// A frame without its length: a piece, and what is said about it.
    package static let limit = pieceLimit + 16 * 1024
    /// Bytes of a path from the volume's root.
    package static let pathLimit = 4095
    package static let nameLimit = 255
    /// How many requests of one mount may be unanswered.
    package static let inFlight = 32
    package static let served: UInt8 = 1
    package static let refused: UInt8 = 0

    package static func frame(_ id: UInt64, _ body: [UInt8]) -> [UInt8] {
        var frame: [UInt8] = []
        frame.reserveCapacity(12 + body.count)
        frame.append(number: UInt32(8 + body.count))
        frame.append(number: id)
        frame += body
        return frame
    }
}

/// Cuts a stream of bytes into frames.
package struct VolumeFrameCutter: Sendable {
    private var buffer: [UInt8] = []
    private var start = 0

    package init() {}

    package mutating func add(_ bytes: [UInt8]) {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer += bytes
    }

    /// The next frame; nil when more bytes are needed for it.
    ///
    /// - Throws: ``VolumeFrameError`` when no frame can begin so; nothing that follows means anything then.
    package mutating func next() throws(VolumeFrameError) -> (id: UInt64, body: [UInt8])? {
        var fields = ByteFields(Array(buffer[start...].prefix(12)))
        guard let length = fields.number(UInt32.self) else { return nil }
        guard (8...UInt32(VolumeFrames.limit)).contains(length) else { throw VolumeFrameError() }
        guard let id = fields.number(UInt64.self), buffer.count - start >= 4 + Int(length) else { return nil }
        defer { start += 4 + Int(length) }
        return (id, Array(buffer[start + 12..<start + 4 + Int(length)]))
    }
}

/// Bytes that are no frame of this conversation.
package struct VolumeFrameError: Error, Sendable, Hashable {
    package init() {}
}
