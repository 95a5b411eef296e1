import Synchronization

/// What was read from the program and not yet taken. It has a size beyond which the run fails, or its reader waits.
final class MessageQueue: Sendable {
    enum Element: Sendable {
        case message(AgentMessage)
        /// The run has settled, as it stood after this many prompts.
        case settled(prompts: Int)
    }

    /// What becomes of messages for which there is no room.
    enum Excess: Sendable {
        /// The run fails.
        case fails
        /// They are kept, and whoever adds is to look at ``room`` before the next.
        case waits
        /// They are dropped: nobody wants them any more.
        case isDropped
    }

    private typealias Waiter = CheckedContinuation<Element?, any Error>

    private struct State {
        /// In the order of arrival; those before `taken` are gone.
        var elements: [(element: Element, size: Int)] = []
        var taken = 0
        var excess: Excess
        var end: Result<Void, AgentError>?
        /// In the order of arrival.
        var waiters: [(key: Int, waiter: Waiter)] = []
        var nextKey = 0

        mutating func next(_ room: Room) -> Result<Element?, any Error>? {
            if taken < elements.count {
                let (element, size) = elements[taken]
                taken += 1
                room.leave(size)
                if taken == elements.count || taken > 1000 {
                    elements.removeFirst(taken)
                    taken = 0
                }
                return .success(element)
            }
            return end.map(MessageQueue.last)
        }
    }

    /// The bytes that wait here. Its own lock is taken within this one's, never the other way round.
    let room: Room
    private let state: Mutex<State>

    init(limit: Int, _ excess: Excess) {
        room = Room(limit)
        state = Mutex(State(excess: excess))
    }

    func add(_ element: Element, size: Int = 0) throws(AgentError) {
        let (waiter, isFull): (Waiter?, Bool) = state.withLock { state in
            if state.end != nil { return (nil, false) }
            if !state.waiters.isEmpty { return (state.waiters.removeFirst().waiter, false) }
            if !room.fits(size) {
                switch state.excess {
                case .fails: return (nil, true)
                case .waits: break
                case .isDropped: return (nil, false)
                }
            }
            state.elements.append((element, size))
            room.enter(size)
            return (nil, false)
        }
        if isFull {
            throw AgentError(.tooMuchUnread, "More than \(room.limit) bytes of messages wait and nobody takes them")
        }
        waiter?.resume(returning: element)
    }

    /// Keeps no more than there is room for, and lets nobody wait for that.
    func dropExcess() {
        state.withLock { $0.excess = .isDropped }
        room.open()
    }

    /// Forgets what nobody took.
    func forget() {
        state.withLock { state in
            for (_, size) in state.elements[state.taken...] { room.leave(size) }
            state.elements = []
            state.taken = 0
        }
    }

    /// Says that nothing more comes. What is here is taken first.
    func end(_ error: AgentError?) {
        let result: Result<Void, AgentError> = error.map { .failure($0) } ?? .success(())
        let waiters = state.withLock { state in
            guard state.end == nil else { return [Waiter]() }
            state.end = result
            defer { state.waiters = [] }
            return state.waiters.map(\.waiter)
        }
        for waiter in waiters { waiter.resume(with: Self.last(result)) }
    }

    private static func last(_ end: Result<Void, AgentError>) -> Result<Element?, any Error> {
        switch end {
        case .success: .success(nil)
        case .failure(let error): .failure(error)
        }
    }

    /// The next element; nil behind the last.
    ///
    /// - Throws: the error that ended the run, each time; `CancellationError` at once when the task is cancelled.
    func next() async throws -> Element? {
        let key = state.withLock { state in
            state.nextKey += 1
            return state.nextKey
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let result: Result<Element?, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if let next = state.next(room) { return next }
                    state.waiters.append((key, waiter))
                    return nil
                }
                if let result { waiter.resume(with: result) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.key == key }.map { state.waiters.remove(at: $0).waiter }
            }
            waiter?.resume(throwing: CancellationError())
        }
    }
}
