/// A path in a volume, from the volume's root and without any `.`, `..` or empty part.
///
/// What is left of a path after `..` was taken out is shown to clients and given to the kernel, which has none to follow then.
package struct VolumePath: Sendable, Hashable, CustomStringConvertible {
    private static let limit = 4095
    private static let nameLimit = 255

    let parts: [String]

    private init(parts: [String]) {
        self.parts = parts
    }

    /// Reads a path as a client writes it; with or without a slash in front it begins at the root.
    ///
    /// - Throws: ``VolumesError`` when no file can have such a path.
    package init(_ text: String) throws(VolumesError) {
        guard (1...Self.limit).contains(text.utf8.count), !text.utf8.contains(0) else {
            throw VolumesError(.invalid, "A path has 1 to \(Self.limit) bytes, none of them a NUL")
        }
        var parts: [String] = []
        // By bytes: a slash before a combining mark is one character with it, and still a slash to the kernel.
        for part in text.utf8.split(separator: 0x2F) {
            let name = String(decoding: part, as: UTF8.self)
            switch name {
            case ".": break
            case "..": _ = parts.popLast()
            default: parts.append(name)
            }
            guard part.count <= Self.nameLimit else {
                throw VolumesError(.invalid, "A name in a path has \(Self.nameLimit) bytes at most")
            }
        }
        self.parts = parts
    }

    package var isRoot: Bool { parts.isEmpty }
    package var name: String { parts.last ?? "/" }
    package var description: String { "/" + parts.joined(separator: "/") }

    /// The root's is the root.
    var parent: VolumePath { VolumePath(parts: parts.dropLast()) }
    /// The path and all above it, the root first.
    var ancestry: [VolumePath] { (0...parts.count).map { VolumePath(parts: Array(parts.prefix($0))) } }
    /// For a system call that begins at the root's descriptor.
    var relative: String { isRoot ? "." : parts.joined(separator: "/") }

    func appending(_ name: String) -> VolumePath { VolumePath(parts: parts + [name]) }
}
