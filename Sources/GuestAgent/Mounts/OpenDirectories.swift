import Synchronization
import Wire

/// The directories that programs read at this moment, each as it was when its reading began: names that come and go meanwhile
/// neither hide others nor show them twice.
final class OpenDirectories: Sendable {
    private let lists = Mutex<[UInt64: [VolumeAnswer.ListedName]]>([:])

    subscript(_ handle: UInt64) -> [VolumeAnswer.ListedName]? {
        get { lists.withLock { $0[handle] } }
        set { lists.withLock { $0[handle] = newValue } }
    }
}
