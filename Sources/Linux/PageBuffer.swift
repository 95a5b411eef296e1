import CLinux
import Glibc

/// Memory for the contents of many pages, given back when nobody holds it.
///
/// Written by who made it, before anyone else sees it; read by anyone afterwards.
package final class PageBuffer: @unchecked Sendable {
    package let bytes: UnsafeMutableRawBufferPointer

    /// - Parameter isPopulated: whether all of it is about to be written: the kernel then hands it out at once and not page
    ///   by page.
    package init(pages: Int, isPopulated: Bool) throws(LinuxError) {
        let length = max(1, pages) * PageRun.pageSize
        guard let start = clinux_map_buffer(length, isPopulated ? 1 : 0) else {
            throw LinuxError("get \(length) bytes of memory")
        }
        bytes = UnsafeMutableRawBufferPointer(start: start, count: length)
    }

    deinit {
        munmap(bytes.baseAddress, bytes.count)
    }

    package var pageCount: Int { bytes.count / PageRun.pageSize }
}
