import FoundationEssentials
import Glibc
import Linux
import Synchronization
import Wire

/// What a sandbox said of itself before it was paused: `logs/ID.resting`.
///
/// Written when it rests, read by the daemon and the next one, who can not ask its guest; deleted when it goes on or ends.
struct RestingNotes: Codable, Sendable {
    var entries: [JournalEntry] = []
    var samples: [MetricSample] = []
    /// Where its guest began to count the entries; nil is at their beginning.
    var base: UInt64?

    init() {}

    init(_ sandbox: Sandbox) {
        entries = sandbox.journal.known
        samples = sandbox.restingSamples.withLock { $0 }
        base = sandbox.journal.base
    }
}

extension JournalArchive {
    private static let suffix = ".resting"

    private func restingPath(_ id: String) -> String { "\(directory)/\(id)\(Self.suffix)" }

    /// Keeps notes. Those that can not be written are missing until the sandbox goes on, which is no reason to let it run.
    func keep(_ notes: RestingNotes, of id: String) async {
        let (directory, path) = (directory, restingPath(id))
        try? await BlockingPool.run {
            let text = try JSONEncoder().encode(notes)
            try Files.makeDirectory(directory)
            let file = try Descriptor.open("\(path).new", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            try file.writeAll(text)
            try Files.rename("\(path).new", to: path)
        }
    }

    func notes(of id: String) -> RestingNotes {
        (try? JSONDecoder().decode(RestingNotes.self, from: Data(Files.read(restingPath(id))))) ?? RestingNotes()
    }

    func removeNotes(of id: String) {
        try? Files.remove(restingPath(id))
    }

    /// Removes notes of sandboxes that do not rest.
    func sweepNotes(keeping kept: Set<String>) {
        for name in Files.list(directory) where name.hasSuffix(Self.suffix) || name.hasSuffix("\(Self.suffix).new") {
            if !kept.contains(where: { name == "\($0)\(Self.suffix)" }) { try? Files.remove("\(directory)/\(name)") }
        }
    }
}
