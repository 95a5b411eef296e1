import Synchronization

/// Counts what is in a place, and lets those who bring more wait outside while it is full.
///
/// Nobody is kept from entering: who must not enter waits first.
final class Room: Sendable {
    private struct State {
        var used = 0
        /// Terminal: nobody waits any more.
        var isOpen = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    let limit: Int
    private let state = Mutex(State())

    init(_ limit: Int) {
        self.limit = limit
    }

    /// Whether whoever comes now would have to wait.
    var isFull: Bool { state.withLock { !$0.isOpen && $0.used >= limit } }

    func fits(_ size: Int) -> Bool { state.withLock { $0.used + size <= limit } }

    func enter(_ size: Int = 1) {
        state.withLock { $0.used += size }
    }

    func leave(_ size: Int = 1) {
        wake { state in
            state.used -= size
            return state.used < limit
        }
    }

    /// Waits until it is not full. Does not end with the waiting task: ``open()`` ends it.
    func wait() async {
        await withCheckedContinuation { waiter in
            let isFull = state.withLock { state in
                guard !state.isOpen, state.used >= limit else { return false }
                state.waiters.append(waiter)
                return true
            }
            if !isFull { waiter.resume() }
        }
    }

    /// Lets everybody in from now on.
    func open() {
        wake { state in
            state.isOpen = true
            return true
        }
    }

    private func wake(_ change: (inout State) -> Bool) {
        let waiters = state.withLock { state in
            guard change(&state) else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
