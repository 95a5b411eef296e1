/// The four bytes by which a client disguises each frame, so that what a page sends can not be taken for HTTP by a cache.
struct Mask: Sendable, Hashable {
    let key: [UInt8]

    init(_ key: [UInt8]) {
        precondition(key.count == 4, "a mask has four bytes")
        self.key = key
    }

    /// A new one, from the kernel, as each frame needs it.
    static func random() -> Mask {
        var generator = SystemRandomNumberGenerator()
        let word = UInt32.random(in: .min ... .max, using: &generator)
        return Mask([0, 8, 16, 24].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) })
    }

    /// Puts the mask on, or takes it off: it is the same.
    ///
    /// - Parameter offset: how many bytes of the frame's payload came before these.
    func apply(to bytes: inout [UInt8], offset: Int = 0) {
        let turned = (0..<8).map { key[(offset + $0) & 3] }
        bytes.withUnsafeMutableBytes { buffer in
            let word = turned.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
            var place = 0
            while place + 8 <= buffer.count {
                let masked = buffer.loadUnaligned(fromByteOffset: place, as: UInt64.self) ^ word
                buffer.storeBytes(of: masked, toByteOffset: place, as: UInt64.self)
                place += 8
            }
            while place < buffer.count {
                buffer[place] ^= turned[place & 7]
                place += 1
            }
        }
    }
}
