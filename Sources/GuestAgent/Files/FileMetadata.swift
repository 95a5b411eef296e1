import CLinux
import Glibc
import HTTP
import Linux
import Wire

/// Notes that a client attaches to a file: extended attributes `user.e2b.*`.
enum FileMetadata {
    private static let prefix = "user.e2b."
    private static let headerPrefix = "x-metadata-"
    private static let sizeLimit = 4096

    /// Takes the notes out of an upload's headers.
    static func requested(_ headers: Headers) throws(HTTPError) -> [String: String] {
        var notes: [String: String] = [:]
        for field in headers.fields where field.name.lowercased().hasPrefix(headerPrefix) {
            let key = String(field.name.lowercased().dropFirst(headerPrefix.count))
            guard !key.isEmpty, key.utf8.count <= 246, isPrintable(key), isPrintable(field.value) else {
                throw HTTPError(400, "The metadata '\(field.name)' is not printable ASCII, or its name is too long")
            }
            notes[key] = field.value
        }
        guard notes.reduce(0, { $0 + $1.key.utf8.count + $1.value.utf8.count }) <= sizeLimit else {
            throw HTTPError(400, "The metadata of a file can not be larger than \(sizeLimit) bytes")
        }
        return notes
    }

    private static func isPrintable(_ text: String) -> Bool { text.utf8.allSatisfy { (0x20...0x7E).contains($0) } }

    /// Reads the notes at `path`; none where the file system has no attributes. Blocks.
    static func read(_ path: String) -> [String: String] {
        var notes: [String: String] = [:]
        for name in names(listing: { llistxattr(path, $0, $1) }) where name.hasPrefix(prefix) {
            var value = [UInt8](repeating: 0, count: 4096)
            let length = value.withUnsafeMutableBytes { lgetxattr(path, name, $0.baseAddress, $0.count) }
            guard length >= 0 else { continue }
            notes[String(name.dropFirst(prefix.count))] = String(decoding: value.prefix(length), as: UTF8.self)
        }
        return notes
    }

    /// Replaces all notes of an open file. Blocks.
    static func replace(_ file: Descriptor, with notes: [String: String]) throws(LinuxError) {
        for name in names(listing: { flistxattr(file.raw, $0, $1) }) where name.hasPrefix(prefix) {
            if notes[String(name.dropFirst(prefix.count))] == nil { fremovexattr(file.raw, name) }
        }
        for (key, value) in notes {
            let bytes = Array(value.utf8)
            try check("attach metadata to a file") { fsetxattr(file.raw, prefix + key, bytes, bytes.count, 0) }
        }
    }

    private static func names(listing: (UnsafeMutablePointer<CChar>?, Int) -> Int) -> [String] {
        var buffer = [CChar](repeating: 0, count: 65_536)
        let length = buffer.withUnsafeMutableBufferPointer { listing($0.baseAddress, $0.count) }
        guard length > 0 else { return [] }
        return buffer.prefix(length).split(separator: 0).map { name in
            String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
