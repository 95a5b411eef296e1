import CLinux
import Glibc
import Synchronization

/// One thread that waits for descriptors with epoll and runs the tasks that prefer it.
///
/// Connections are served by tasks with this loop as executor preference: a wait then costs a fraction of a microsecond,
/// because the continuation is run by the thread that saw the event. Everything here may also be used from other tasks.
///
/// *Concurrency.* `inbox`, `sources` and `timers` are shared and behind their locks; nothing else changes.
package final class EventLoop: TaskExecutor, Sendable {
    /// The loop of this process; its thread lives as long as the process.
    package static let shared = EventLoop()

    private let epoll: Descriptor
    private let wakeUp: Descriptor
    private let inbox = Mutex<[UnownedJob]>([])
    private let isAwake = Atomic<Bool>(false)
    private let sources = Mutex<Sources>(Sources())
    private let timers = Mutex<Timers>(Timers())

    private struct Sources {
        var next: UInt64 = 1
        var byToken: [UInt64: Watched] = [:]
    }

    /// Held weakly: a source that nobody else holds must be able to go, and its going ends the registration.
    private struct Watched {
        weak var source: (any EventSource)?
    }

    private init() {
        // A peer that has gone is an error of the write, never the end of the process.
        signal(SIGPIPE, SIG_IGN)
        epoll = Descriptor(owning: epoll_create1(Int32(EPOLL_CLOEXEC)))
        wakeUp = Descriptor(owning: eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)))
        precondition(epoll.raw >= 0 && wakeUp.raw >= 0, "the kernel gave no epoll or eventfd descriptor")
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: 0))
        epoll_ctl(epoll.raw, EPOLL_CTL_ADD, wakeUp.raw, &event)
        startThread()
    }

    private func startThread() {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self).toOpaque()
        let result = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue().run()
            },
            context
        )
        precondition(result == 0, "no thread for the event loop")
        pthread_detach(thread)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        inbox.withLock { $0.append(job) }
        if isOnLoop { return }
        wake()
    }

    private var isOnLoop: Bool {
        clinux_current_loop() == UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
    }

    private func wake() {
        if isAwake.exchange(true, ordering: .acquiringAndReleasing) { return }
        var one: UInt64 = 1
        _ = Glibc.write(wakeUp.raw, &one, 8)
    }

    private func run() -> Never {
        clinux_set_current_loop(Unmanaged.passUnretained(self).toOpaque())
        let capacity = 256
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: capacity)
        while true {
            isAwake.store(false, ordering: .releasing)
            let jobs = inbox.withLock { inbox in
                let jobs = inbox
                inbox.removeAll(keepingCapacity: true)
                return jobs
            }
            for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
            let isIdle = inbox.withLock { $0.isEmpty }
            let count = epoll_wait(epoll.raw, events, Int32(capacity), isIdle ? timeUntilNextTimer() : 0)
            for index in 0..<max(0, Int(count)) {
                deliver(token: events[index].data.u64, mask: events[index].events)
            }
            let due = timers.withLock { $0.isEmpty ? [] : $0.takeDue(at: .now) }
            for waiter in due { waiter.resume() }
        }
    }

    /// In milliseconds, rounded up; -1 when there is no timer.
    private func timeUntilNextTimer() -> Int32 {
        guard let next = timers.withLock({ $0.next }) else { return -1 }
        let left = (next - .now).components
        if left.seconds < 0 || left.attoseconds < 0 { return 0 }
        return Int32(min(left.seconds, 3600) * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1)
    }

    /// Waits. Unlike `Task.sleep`, a wait that is cancelled leaves nothing behind: deadlines are mostly cancelled.
    ///
    /// - Throws: `CancellationError`, at once, when the task is cancelled.
    package func sleep(for duration: Duration) async throws {
        let due = ContinuousClock.now + duration
        let key = timers.withLock { $0.reserve() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
                let isNext: Bool? = timers.withLock { timers in
                    Task.isCancelled ? nil : timers.add(key, due: due, waiter)
                }
                guard let isNext else { return waiter.resume(throwing: CancellationError()) }
                if isNext, !isOnLoop { wake() }
            }
        } onCancel: {
            timers.withLock { $0.cancel(key) }?.resume(throwing: CancellationError())
        }
    }

    private func deliver(token: UInt64, mask: UInt32) {
        if token == 0 {
            var count: UInt64 = 0
            _ = Glibc.read(wakeUp.raw, &count, 8)
            return
        }
        // A token is never given twice, so an event for a source that has gone finds nothing.
        sources.withLock { $0.byToken[token]?.source }?.ready(mask)
    }

    /// Watches `descriptor` and tells `source`; the events are edge-triggered.
    ///
    /// - Returns: the registration to end with ``remove(_:from:)``.
    func add(_ source: any EventSource, for descriptor: Descriptor, _ mask: UInt32) throws(LinuxError) -> UInt64 {
        let token = sources.withLock { sources in
            let token = sources.next
            sources.next += 1
            sources.byToken[token] = Watched(source: source)
            return token
        }
        var event = epoll_event(events: mask | EPOLLET.rawValue, data: epoll_data_t(u64: token))
        if epoll_ctl(epoll.raw, EPOLL_CTL_ADD, descriptor.raw, &event) < 0 {
            let error = LinuxError("watch descriptor \(descriptor.raw)")
            _ = sources.withLock { $0.byToken.removeValue(forKey: token) }
            throw error
        }
        return token
    }

    func remove(_ token: UInt64, from descriptor: Descriptor) {
        _ = sources.withLock { $0.byToken.removeValue(forKey: token) }
        let raw = descriptor.raw
        if raw >= 0 { epoll_ctl(epoll.raw, EPOLL_CTL_DEL, raw, nil) }
    }
}

/// Something that wants to know when its descriptor is ready.
protocol EventSource: AnyObject, Sendable {
    /// Called on the loop's thread; marks readiness and resumes, and does nothing else.
    func ready(_ mask: UInt32)
}
