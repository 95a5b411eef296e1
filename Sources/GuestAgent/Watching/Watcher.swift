import CLinux
import Glibc
import Linux
import Synchronization
import Wire

/// One client's watch of a directory.
///
/// *Concurrency.* News is read from the kernel and put in order with the lock held, so whoever takes it has all that happened
/// before he asked, and nobody takes it twice. Only ``waitForNews()`` waits.
final class Watcher: Sendable {
    private struct State {
        var tree: WatchedTree
        var changes = WatchedTree.Changes()
    }

    private let root: String
    private let includesEntries: Bool
    private let channel: Channel
    private let state: Mutex<State>

    /// Begins to watch. Blocks.
    init(_ path: String, _ request: WatchRequest) throws {
        root = path
        includesEntries = request.includeEntry ?? false
        let number = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        guard number >= 0 else {
            throw CallError(.resourceExhausted, "The guest has no room for another watcher; remove one first")
        }
        let descriptor = Descriptor(owning: number)
        state = Mutex(State(tree: try WatchedTree(path, isRecursive: request.recursive ?? false, descriptor)))
        channel = try Channel(descriptor)
    }

    func waitForNews() async throws {
        try await channel.waitForInput()
    }

    /// Takes all that has happened up to now. Blocks.
    ///
    /// - Throws: ``CallError`` `resource_exhausted` when some of it is lost, and so all of it.
    func take() throws -> [FileChange] {
        guard try gather() else { throw CallError(.canceled, "The watch of '\(root)' has ended") }
        let changes = state.withLock { state in
            defer { state.changes = WatchedTree.Changes() }
            return state.changes
        }
        guard !changes.haveGaps else {
            throw CallError(
                .resourceExhausted,
                "More happened in '\(root)' than its watcher can keep, so events are missing; list the directory anew"
            )
        }
        let accounts = includesEntries ? Accounts.load() : nil
        return changes.list.map { name, kind in
            var change = FileChange(name: name, type: kind)
            if let accounts, [.create, .write, .chmod].contains(kind) {
                let path = name == "." ? root : "\(root == "/" ? "" : root)/\(name)"
                change.entry = try? FileEntry(at: path, as: path, accounts)
            }
            return change
        }
    }

    /// Reads what the kernel has; false when the watcher is closed.
    private func gather() throws -> Bool {
        try state.withLock { state in
            while let records = try channel.readNow(upTo: 65_536) {
                if records.isEmpty { return false }
                try state.tree.read(records, into: &state.changes)
            }
            return true
        }
    }

    /// Reads news as it comes, until the watcher is closed, so that new directories are watched soon and the kernel's own
    /// queue, which is short, does not run over.
    func gatherAhead() {
        // The task's owner is the watcher: closing it ends the wait.
        Task(executorPreference: EventLoop.shared) { [weak self, channel] in
            while (try? await channel.waitForInput()) != nil {
                guard let self, (try? await BlockingPool.run({ try self.gather() })) == true else { return }
            }
        }
    }

    func close() {
        channel.close()
    }

    deinit {
        close()
    }
}

/// The watches that clients have now.
final class Watchers: Sendable {
    private static let limit = 1024

    private let byID = Mutex<[String: Watcher]>([:])

    /// Keeps a watcher, and gives the name to find it by.
    func add(_ watcher: Watcher) throws(CallError) -> String {
        let id = Random.name(20)
        let isKept = byID.withLock { watchers in
            guard watchers.count < Self.limit else { return false }
            watchers[id] = watcher
            return true
        }
        guard isKept else {
            throw CallError(.resourceExhausted, "There are \(Self.limit) watchers already; remove one first")
        }
        return id
    }

    func find(_ id: String) throws(CallError) -> Watcher {
        guard let watcher = byID.withLock({ $0[id] }) else {
            throw CallError(.notFound, "watcher with id \(id) not found")
        }
        return watcher
    }

    func remove(_ id: String) {
        byID.withLock { $0.removeValue(forKey: id) }?.close()
    }

    func removeAll() {
        let all = byID.withLock { watchers in
            defer { watchers = [:] }
            return watchers.values
        }
        for watcher in all { watcher.close() }
    }
}
