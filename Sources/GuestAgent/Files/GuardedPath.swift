import CLinux
import Glibc
import Linux

/// A way to a file that was walked step by step with open hands, so that nobody can lead it elsewhere meanwhile.
///
/// Root goes this way when it does for a user what the user may not do. A link that the user has put there would make root
/// do something else to somebody else's file; so only links that belong to root are followed.
struct GuardedPath: Sendable {
    private let parent: Descriptor
    private let name: String

    /// The file by its name in the directory that the walk has reached. What is done with it must not follow a last link.
    var path: String { "/proc/self/fd/\(parent.raw)/\(name)" }

    private static let linkLimit = 40
    private static let flags = pathOnly | O_NOFOLLOW | O_CLOEXEC
    /// The C header has it only for who asks for GNU's own.
    private static let pathOnly: Int32 = 0o10_000_000

    /// Walks to `path`, which need not exist itself, though its directory must. Blocks.
    ///
    /// - Parameter followsLast: whether a link at the end is what is meant, or where it leads.
    init(_ path: String, followsLast: Bool) throws(LinuxError) {
        let root = try Self.open("/", in: AT_FDCWD, path)
        var directory = root
        var parts = path.split(separator: "/").map(String.init)[...]
        var last = "."
        var links = 0
        while let part = parts.popFirst() {
            last = part
            if part == "." || part == ".." {
                directory = try Self.open(part, in: directory.raw, path)
                last = "."
                continue
            }
            let step: Descriptor
            do throws(LinuxError) {
                step = try Self.open(part, in: directory.raw, path)
            } catch {
                if error.code == .notFound, parts.isEmpty { break }
                throw error
            }
            var status = stat()
            try check("find '\(path)'") { fstat(step.raw, &status) }
            if status.st_mode & S_IFMT == S_IFLNK {
                if parts.isEmpty, !followsLast { break }
                links += 1
                guard status.st_uid == 0, links <= Self.linkLimit else {
                    let code = links > Self.linkLimit ? ELOOP : EACCES
                    throw LinuxError(errno: code, "follow the links of '\(path)'")
                }
                let target = try Self.target(of: step, path)
                if target.hasPrefix("/") { directory = root }
                last = "."
                parts = target.split(separator: "/").map(String.init) + parts
            } else if !parts.isEmpty {
                directory = step
            }
        }
        parent = directory
        name = last
    }

    private static func open(_ name: String, in directory: Int32, _ path: String) throws(LinuxError) -> Descriptor {
        Descriptor(owning: try check("find '\(path)'") { openat(directory, name, flags) })
    }

    private static func target(of link: Descriptor, _ path: String) throws(LinuxError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = try check("follow the links of '\(path)'") { readlinkat(link.raw, "", &buffer, buffer.count) }
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
