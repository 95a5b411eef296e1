import FoundationEssentials
import GuestLink
import Linux
import Sandboxes
import Synchronization
import Wire

/// A file that arrives in chunks, perhaps over several connections. The chunks wait beside its place in the machine.
final class Upload: Sendable {
    private struct Progress {
        var received: Int64 = 0
        var parts: [String] = []
        var digest = SharedDigest()
        var used = ContinuousClock.now
    }

    let id: String
    let vm: String
    private let sandbox: Sandbox
    private let file: NewFile
    private let size: Int64
    private let progress = Mutex(Progress())
    private let turn = AsyncLock()

    init(_ file: NewFile, size: Int64, to sandbox: Sandbox) {
        id = "upl-\(Random.uuid())"
        vm = sandbox.id
        self.sandbox = sandbox
        self.file = file
        self.size = size
    }

    var lastUse: ContinuousClock.Instant { progress.withLock { $0.used } }

    var document: JSONValue {
        [
            "uploadId": .string(id), "path": .string(file.path.text), "size": .integer(size),
            "receivedBytes": .integer(progress.withLock { $0.received }),
        ]
    }

    /// Takes the chunk that begins at `offset`; what of it is here already is passed over.
    ///
    /// - Throws: ``FreestyleError`` with status 409 when something is missing before it, or another chunk is on its way.
    func take(at offset: Int64, limit: Int, from source: @Sendable @escaping () async throws -> [UInt8]) async throws {
        let isTaken: Void? = try await turn.withLockIfFree { [self] in
            let (received, number, digest) = progress.withLock { progress in
                progress.used = .now
                return (progress.received, progress.parts.count, progress.digest.copy())
            }
            guard offset <= received else {
                throw FreestyleError.conflict("The bytes from \(received) to \(offset) are missing; send them first")
            }
            let part = file.path.beside("\(id).\(number)")
            let counted = CountedSource(passingOver: received - offset, limit: limit, source)
            do {
                _ = try await NewFile.pour(into: part, of: sandbox, user: file.user) {
                    let bytes = try await counted.next()
                    digest.add(bytes)
                    return bytes
                }
                let count = Int64(counted.taken)
                guard received + count <= size else {
                    throw FreestyleError.badRequest("The file would have \(received + count) bytes, not \(size)")
                }
                if count == 0 { return await NewFile.remove([part], from: sandbox, file.user) }
                progress.withLock { progress in
                    progress.received += count
                    progress.parts.append(part)
                    progress.digest = digest
                    progress.used = .now
                }
            } catch {
                await NewFile.remove([part], from: sandbox, file.user)
                throw error
            }
        }
        if isTaken == nil { throw FreestyleError.conflict("Another chunk of this upload is on its way") }
    }

    /// Puts the file in its place, whole and checked.
    func commit() async throws {
        try await turn.withLock { [self] in
            let (received, parts, digest) = progress.withLock { ($0.received, $0.parts, $0.digest.value) }
            guard received == size else { throw FreestyleError.conflict("Only \(received) of \(size) bytes have come") }
            try file.check(digest)
            let whole = file.path.beside("\(id).whole")
            if parts.isEmpty {
                try await sandbox.link.writeFile([], to: whole, user: file.user ?? sandbox.template.user)
            } else {
                try await sandbox.link.composeFile(from: parts, to: whole, user: file.user)
            }
            try await sandbox.link.placeFile(
                FilePlacement(source: whole, destination: file.path.text, mode: file.mode),
                user: file.user
            )
        }
    }

    /// Removes what has come.
    func discard() async {
        await NewFile.remove(
            progress.withLock { $0.parts } + [file.path.beside("\(id).whole")],
            from: sandbox,
            file.user
        )
    }
}

/// Bytes of a chunk without those that are known already, counted; read by one task.
private final class CountedSource: Sendable {
    private struct State {
        var over: Int64
        var left: Int
        var taken = 0
    }

    private let state: Mutex<State>
    private let source: @Sendable () async throws -> [UInt8]

    init(passingOver count: Int64, limit: Int, _ source: @Sendable @escaping () async throws -> [UInt8]) {
        state = Mutex(State(over: count, left: limit))
        self.source = source
    }

    var taken: Int { state.withLock { $0.taken } }

    func next() async throws -> [UInt8] {
        while true {
            let bytes = try await source()
            if bytes.isEmpty { return [] }
            let rest = try state.withLock { state in
                state.left -= bytes.count
                guard state.left >= 0 else {
                    throw FreestyleError(413, .payloadTooLarge, "A chunk is too large; send several smaller ones")
                }
                let rest = Array(bytes.dropFirst(Int(min(state.over, Int64(bytes.count)))))
                state.over -= Int64(bytes.count - rest.count)
                state.taken += rest.count
                return rest
            }
            if !rest.isEmpty { return rest }
        }
    }
}
