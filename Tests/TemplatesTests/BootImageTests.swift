import Testing

@testable import Templates

@Suite struct `a kernel's image` {
    /// An image whose payload is the LZ4 magic, some bytes, and a size of 0x01020304.
    private static func image(_ change: (inout [UInt8]) -> Void = { _ in }, setupSectors: Int = 2) -> [UInt8] {
        let payload: [UInt8] = [0x02, 0x21, 0x4C, 0x18, 9, 8, 7, 6, 5, 0x04, 0x03, 0x02, 0x01]
        var image = [UInt8](repeating: 0, count: (setupSectors + 1) * 512 + 0x30) + payload + [0xEE]
        image[0x1F1] = UInt8(setupSectors)
        image.replaceSubrange(0x202..<0x206, with: Array("HdrS".utf8))
        image.replaceSubrange(0x206..<0x208, with: [0x0F, 0x02])
        image[0x248] = 0x30
        image[0x24C] = UInt8(payload.count)
        change(&image)
        return image
    }

    @Test func `gives its payload without the size behind it`() throws {
        let boot = try BootImage(Self.image())
        #expect(Array(boot.payload) == [0x02, 0x21, 0x4C, 0x18, 9, 8, 7, 6, 5])
        #expect(boot.unpackedSize == 0x0102_0304)
    }

    @Test func `has four setup sectors when it says none`() throws {
        let boot = try BootImage(Self.image({ $0[0x1F1] = 0 }, setupSectors: 4))
        #expect(boot.payload.count == 9)
    }

    @Test func `is refused when it is cut, old, compressed otherwise, or no kernel`() {
        let images = [
            [], Array(Self.image().prefix(0x200)), Array(Self.image().dropLast(2)),
            Self.image { $0[0x202] = 0 }, Self.image { $0.replaceSubrange(0x206..<0x208, with: [0x07, 0x02]) },
            Self.image { $0[$0.count - 14] = 0x1F }, Self.image { $0[0x24C] = 4 },
            Self.image { $0.replaceSubrange(0x248..<0x24C, with: [255, 255, 255, 255]) },
            Self.image { $0.replaceSubrange(0x24C..<0x250, with: [255, 255, 255, 255]) },
        ]
        for image in images {
            let error = #expect(throws: TemplateError.self) { try BootImage(image) }
            #expect(error?.code == .badKernel)
        }
    }
}
