import CZstd
import Linux

/// How the blocks of a page file are stored.
package enum PageEncoding: UInt32, Codable, Sendable {
    case plain = 0
    /// For snapshots that rest.
    case zstd = 1
}

/// Compresses and expands blocks of pages.
struct BlockCompressor {
    /// Fast; twice the work gains little on memory pages.
    private static let level: Int32 = 3

    /// The compressed bytes, or nil when they would not be fewer.
    static func compress(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        let size = [UInt8](unsafeUninitializedCapacity: bytes.count) { target, count in
            let result = ZSTD_compress(target.baseAddress, bytes.count, bytes.baseAddress, bytes.count, level)
            count = ZSTD_isError(result) != 0 ? 0 : result
        }
        return size.isEmpty || size.count >= bytes.count ? nil : size
    }

    /// Whether `bytes` expand to exactly what fits into `target`.
    static func expand(_ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Bool {
        ZSTD_decompress(target.baseAddress, target.count, bytes.baseAddress, bytes.count) == target.count
    }
}
