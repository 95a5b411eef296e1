import Synchronization

/// What was read from the program and not yet taken. Never slows the reader; it has a size beyond which the run fails instead.
final class MessageQueue: Sendable {
    enum Element: Sendable {
        case message(AgentMessage)
        /// The run has settled, as it stood after this many prompts.
        case settled(prompts: Int)
    }

    private typealias Waiter = CheckedContinuation<Element?, any Error>

    private struct State {
        /// In the order of arrival; those before `taken` are gone.
        var elements: [(element: Element, size: Int)] = []
        var taken = 0
        var size = 0
        var end: Result<Void, AgentError>?
        /// In the order of arrival.
        var waiters: [(key: Int, waiter: Waiter)] = []
        var nextKey = 0

        mutating func next() -> Result<Element?, any Error>? {
            if taken < elements.count {
                let (element, size) = elements[taken]
                taken += 1
                self.size -= size
                if taken == elements.count || taken > 1000 {
                    elements.removeFirst(taken)
                    taken = 0
                }
                return .success(element)
            }
            return end.map(MessageQueue.last)
        }
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    func add(_ element: Element, size: Int = 0) throws(AgentError) {
        let (waiter, isFull): (Waiter?, Bool) = state.withLock { state in
            if state.end != nil { return (nil, false) }
            if !state.waiters.isEmpty { return (state.waiters.removeFirst().waiter, false) }
            if state.size + size > limit { return (nil, true) }
            state.elements.append((element, size))
            state.size += size
            return (nil, false)
        }
        if isFull {
            throw AgentError(.tooMuchUnread, "More than \(limit) bytes of messages wait and nobody takes them")
        }
        waiter?.resume(returning: element)
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
                    if let next = state.next() { return next }
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
