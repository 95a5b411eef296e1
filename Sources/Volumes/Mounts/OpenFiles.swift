import Glibc
import Linux
import Synchronization

/// The files that a guest has open on one tunnel, by the numbers that it gave them; the ones that were used least recently are
/// closed when there are too many. Who names one that is not here any more names its path as well.
final class OpenFiles: Sendable {
    struct File: Sendable {
        let descriptor: Descriptor
        let isReadable: Bool
        let isWritable: Bool
    }

    private struct State {
        var files: [UInt64: (file: File, lastUse: UInt64)] = [:]
        var clock: UInt64 = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int = 256) {
        self.limit = limit
    }

    subscript(_ handle: UInt64) -> File? {
        state.withLock { state in
            guard let entry = state.files[handle] else { return nil }
            state.clock += 1
            state.files[handle] = (entry.file, state.clock)
            return entry.file
        }
    }

    func keep(_ file: File, as handle: UInt64) {
        if handle == 0 { return }
        state.withLock { state in
            state.clock += 1
            state.files[handle] = (file, state.clock)
            guard state.files.count > limit else { return }
            if let oldest = state.files.min(by: { $0.value.lastUse < $1.value.lastUse }) {
                state.files[oldest.key] = nil
            }
        }
    }

    func close(_ handle: UInt64) {
        _ = state.withLock { $0.files.removeValue(forKey: handle) }
    }
}
