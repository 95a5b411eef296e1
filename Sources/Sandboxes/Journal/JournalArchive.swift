import FoundationEssentials
import Glibc
import Linux
import Records
import Synchronization
import Wire

/// The journals of sandboxes that have ended: `logs/ID.jsonl`, each with what is remembered of its sandbox in the first line.
///
/// Written at a sandbox's end, read on request, and removed after a day, or earlier when there are too many.
package final class JournalArchive: Sendable {
    private static let lifetime: TimeInterval = 24 * 3600
    private static let countLimit = 1000
    private static let byteLimit: Int64 = 256 * 1024 * 1024

    private struct Kept: Sendable {
        let sandbox: EndedSandbox
        let bytes: Int64
    }

    let directory: String
    /// By the time of their end.
    private let kept = Mutex<[Kept]>([])

    init(_ home: Home) {
        directory = home.logs
    }

    private func path(_ id: String) -> String { "\(directory)/\(id).jsonl" }

    /// Learns what an earlier daemon kept. Files that are not its own are left alone.
    func load() {
        var found: [Kept] = []
        for name in Files.list(directory) where name.hasSuffix(".jsonl") {
            let path = "\(directory)/\(name)"
            guard let sandbox = try? Self.read(path, firstLineOnly: true).sandbox else { continue }
            found.append(Kept(sandbox: sandbox, bytes: Files.size(path) ?? 0))
        }
        found.sort { $0.sandbox.ended < $1.sandbox.ended }
        kept.withLock { $0 = found }
        removeOld()
    }

    /// What became of the sandbox called `id`; nil when it was never there, or too long ago.
    package func sandbox(_ id: String) -> EndedSandbox? {
        kept.withLock { $0.last { $0.sandbox.id == id }?.sandbox }
    }

    /// What happened in the sandbox called `id`, the oldest first.
    package func entries(_ id: String) async throws -> [JournalEntry] {
        let path = path(id)
        return try await BlockingPool.run { try Self.read(path).entries }
    }

    /// Keeps a journal. One that can not be written is lost, which is no reason to keep a sandbox from ending.
    func keep(_ sandbox: EndedSandbox, _ entries: [JournalEntry]) async {
        let directory = directory
        let path = path(sandbox.id)
        let bytes = try? await BlockingPool.run {
            var text = try JSONEncoder().encode(sandbox)
            for entry in entries {
                text.append(0x0A)
                text.append(try JSONEncoder().encode(entry))
            }
            try Files.makeDirectory(directory)
            // Not forced to disk: it is not worth the wait that a kill would have.
            let file = try Descriptor.open("\(path).new", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            try file.writeAll(text)
            try Files.rename("\(path).new", to: path)
            return Int64(text.count)
        }
        kept.withLock { $0.append(Kept(sandbox: sandbox, bytes: bytes ?? 0)) }
        removeOld()
    }

    private func removeOld(now: Date = Date()) {
        let removed = kept.withLock { kept in
            var bytes = kept.reduce(0) { $0 + $1.bytes }
            var count = 0
            while count < kept.count,
                kept.count - count > Self.countLimit || bytes > Self.byteLimit
                    || kept[count].sandbox.ended.addingTimeInterval(Self.lifetime) < now
            {
                bytes -= kept[count].bytes
                count += 1
            }
            defer { kept.removeFirst(count) }
            return kept.prefix(count).map(\.sandbox.id)
        }
        for id in removed { try? Files.remove(path(id)) }
    }

    private static func read(
        _ path: String,
        firstLineOnly: Bool = false
    ) throws -> (sandbox: EndedSandbox?, entries: [JournalEntry]) {
        let file = try Descriptor.open(path, O_RDONLY)
        var bytes: [UInt8] = []
        while true {
            let more = try file.read(upTo: firstLineOnly ? 4096 : 262_144)
            bytes += more
            if more.isEmpty || firstLineOnly && bytes.contains(0x0A) { break }
        }
        var lines = bytes.split(separator: 0x0A)[...]
        guard let head = lines.popFirst() else { return (nil, []) }
        let sandbox = try JSONDecoder().decode(EndedSandbox.self, from: Data(head))
        if firstLineOnly { return (sandbox, []) }
        return (sandbox, try lines.map { try JSONDecoder().decode(JournalEntry.self, from: Data($0)) })
    }
}
