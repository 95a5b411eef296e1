import Dispatch
import Glibc

/// Runs a program as one task on the event loop, and ends the process with the status it gives.
///
/// Call it as the whole of `main.swift`. It exists because the main thread of an asynchronous `main` parks with *every
/// signal unblocked*: it then takes the signals that ``Signals`` should read, and SIGCHLD is lost and SIGTERM kills. Here the
/// main thread keeps `signals` blocked, as do all threads that it starts, and waits. Nothing ever runs on the main actor.
package func runMainTask(blocking signals: [Int32], _ body: @Sendable @escaping () async -> Int32) -> Never {
    Signals.block(signals)
    let ended = DispatchSemaphore(value: 0)
    let status = Latch<Int32>()
    // The task's owner is this function: it waits for its end.
    Task(executorPreference: EventLoop.shared) {
        status.set(await body())
        ended.signal()
    }
    ended.wait()
    exit(status.current ?? EXIT_FAILURE)
}
