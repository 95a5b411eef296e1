import Machines
import Sandboxes
import Wire

/// A machine's size, as far as a request names it.
///
/// What a machine is made from decides it: the processors and the memory of a saved machine can not become more, and its disk is
/// as long as its template's.
struct VMSize: Sendable, Hashable {
    var processors: Int64?
    var memoryMiB: Int64?
    var diskMiB: Int64?

    init() {}

    /// By the current API's names, in MiB.
    init(_ members: Members) throws {
        try members.allow(only: ["cpu", "memory", "storage"])
        processors = try members.integer("cpu", in: 1...4096)
        memoryMiB = try members.integer("memory", in: 1...1 << 40)
        diskMiB = try members.integer("storage", in: 1...1 << 40)
    }

    /// By the first version's names, in GiB.
    init(first members: Members) throws {
        processors = try members.integer("vcpuCount", in: 1...4096)
        memoryMiB = try members.number("memSizeGb").map { Int64(($0 * 1024).rounded()) }
        diskMiB = try members.number("rootfsSizeGb").map { Int64(($0 * 1024).rounded()) }
    }

    func changed(by other: VMSize) -> VMSize {
        var size = self
        size.processors = other.processors ?? processors
        size.memoryMiB = other.memoryMiB ?? memoryMiB
        size.diskMiB = other.diskMiB ?? diskMiB
        return size
    }

    /// A template's.
    init(_ template: TemplateManifest) {
        processors = Int64(template.shape.processors)
        memoryMiB = Int64(template.shape.memoryMiB)
        diskMiB = Int64(template.diskMiB)
    }

    /// What is asked for in each part, and what there is.
    private func parts(of size: VMSize) -> [(name: String, words: String, flag: String, wanted: Int64, there: Int64)] {
        let all = [
            ("cpu", "processors", "--cpu", processors, size.processors),
            ("memory", "MiB of memory", "--memory", memoryMiB, size.memoryMiB),
            ("storage", "MiB of disk", "--disk", diskMiB, size.diskMiB),
        ]
        return all.compactMap { name, words, flag, wanted, there in
            guard let wanted, let there else { return nil }
            return (name, words, flag, wanted, there)
        }
    }

    /// - Throws: ``FreestyleError`` with what to do, where more is asked for than `template` has.
    func check(within size: VMSize, of template: String) throws {
        for part in parts(of: size) where part.wanted > part.there {
            throw FreestyleError(
                501,
                .notImplemented,
                "A VM's size is that of what it was made from, and '\(template)' has \(part.there) \(part.words), not "
                    + "\(part.wanted); build a larger template with 'martlet template build \(part.flag)', and make a VM from that"
            )
        }
    }

    /// The same for a machine that is there, which can not become smaller either.
    func checkResize(of size: VMSize, of template: String) throws {
        for part in parts(of: size) where part.wanted < part.there {
            throw FreestyleError.badRequest("'\(part.name)' can not become less than the \(part.there) that there are")
        }
        try check(within: size, of: template)
    }
}
