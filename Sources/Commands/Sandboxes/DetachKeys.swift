/// Finds `~.` at the start of a line among the keys of a person who wants to leave a program without ending it.
///
/// The same keys as ssh's, with the same way out: `~~` at the start of a line is one tilde.
package struct DetachKeys: Sendable {
    private enum Place {
        /// Behind a line end, or before the first key. Becomes any other.
        case lineStart
        /// Behind a tilde at a line's start, which is held back until it is known what it was for.
        case tilde
        case inside
    }

    private var place = Place.lineStart

    package init() {}

    /// What of `keys` is for the program, and whether the person leaves; what comes behind that is nobody's.
    package mutating func read(_ keys: [UInt8]) -> (bytes: [UInt8], isLeaving: Bool) {
        var bytes: [UInt8] = []
        for key in keys {
            switch (place, key) {
            case (.lineStart, UInt8(ascii: "~")):
                place = .tilde
                continue
            case (.tilde, UInt8(ascii: ".")):
                place = .lineStart
                return (bytes, true)
            case (.tilde, UInt8(ascii: "~")):
                break
            case (.tilde, _):
                bytes.append(UInt8(ascii: "~"))
            case (.lineStart, _), (.inside, _):
                break
            }
            bytes.append(key)
            place = key == 0x0D || key == 0x0A ? .lineStart : .inside
        }
        return (bytes, false)
    }
}
