/// The kernel inside a `bzImage`, as the boot protocol's setup header describes it.
///
/// <https://docs.kernel.org/arch/x86/boot.html>. QEMU boots the uncompressed kernel with no firmware at all, so what Debian
/// has compressed is unpacked once, here.
struct BootImage {
    /// A legacy LZ4 stream.
    let payload: ArraySlice<UInt8>
    /// How large the kernel is when unpacked.
    let unpackedSize: Int

    private static let lz4Magic: [UInt8] = [0x02, 0x21, 0x4C, 0x18]

    /// - Throws: ``TemplateError/Code/badKernel`` for anything but a kernel that was compressed with LZ4.
    init(_ image: [UInt8]) throws(TemplateError) {
        func bad(_ reason: String) -> TemplateError {
            TemplateError(.badKernel, "The kernel can not be unpacked: \(reason)")
        }
        guard image.count >= 0x250, Array(image[0x202..<0x206]) == Array("HdrS".utf8) else {
            throw bad("its image has no setup header")
        }
        func number(at offset: Int) -> Int {
            (0..<4).reduce(0) { $0 | Int(image[offset + $1]) << ($1 * 8) }
        }
        // Payload offset and length came with version 2.08 of the protocol.
        guard Int(image[0x206]) | Int(image[0x207]) << 8 >= 0x208 else { throw bad("its boot protocol is too old") }
        // 0 means 4, for history's sake.
        let setupSectors = image[0x1F1] == 0 ? 4 : Int(image[0x1F1])
        let start = (setupSectors + 1) * 512 + number(at: 0x248)
        let length = number(at: 0x24C)
        guard length > 8, start + length <= image.count else { throw bad("its image ends before its payload does") }
        // The last four bytes are not LZ4's: the kernel's build appends the size.
        let end = start + length - 4
        payload = image[start..<end]
        unpackedSize = number(at: end)
        guard payload.starts(with: Self.lz4Magic) else { throw bad("it is not compressed with LZ4") }
    }
}
