import Synchronization

/// Whether an agent waits in a sandbox. Who takes it has it alone.
package final class AgentPlace: Sendable {
    package enum State: Sendable, Hashable {
        /// None came with its template, or it was taken.
        case none
        /// It has its template's session, and must forget it first.
        case started
        /// It has a session of its own, and has done once in this machine what a run begins with.
        case rehearsed
    }

    private let state = Mutex(State.none)

    package var isThere: Bool { state.withLock { $0 != .none } }

    func arrive(hasRehearsed: Bool) {
        state.withLock { $0 = hasRehearsed ? .rehearsed : .started }
    }

    package func take() -> State {
        state.withLock { state in
            defer { state = .none }
            return state
        }
    }
}
