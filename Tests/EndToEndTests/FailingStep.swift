import Sandboxes
import Synchronization

/// The step of a create that is to fail; nil for none.
final class FailingStep: Sendable {
    private let current = Mutex<CreateStep?>(nil)

    var step: CreateStep? {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }
}
