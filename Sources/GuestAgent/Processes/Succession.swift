import Linux
import Synchronization
import Wire

/// A terminal session whose program is started again whenever it has ended: what one process hands on to the next.
final class Succession: Sendable {
    /// A program that lived shorter is started again only after a pause, which grows with each that does.
    private static let shortLife = Duration.seconds(5)
    private static let pauses = (shortest: Duration.milliseconds(100), longest: Duration.seconds(30))

    /// What was shown so far, and who looks at it.
    let output: any OutputStore
    private let number = Mutex<UInt32?>(nil)
    private let over = Latch<Void>()

    init(_ output: any OutputStore) { self.output = output }

    /// The number of its session, once the first process is there.
    var session: UInt32? { number.withLock { $0 } }

    func begin(_ pid: UInt32) { number.withLock { if $0 == nil { $0 = pid } } }

    var isOver: Bool { over.current != nil }

    /// Nothing comes after the process that runs now.
    func end() { over.set(()) }

    /// Puts another process in the place of each that ends, until it is over.
    func keep(_ first: GuestProcess, _ start: @Sendable (_ size: TerminalSize) async throws -> GuestProcess) async {
        defer {
            end()
            output.finish()
        }
        var process = first
        var pause = Self.pauses.shortest
        while !isOver {
            let begin = ContinuousClock.now
            guard (try? await process.ending.value()) != nil else { return }
            if ContinuousClock.now - begin >= Self.shortLife {
                pause = Self.pauses.shortest
            } else {
                if (try? await withDeadline(pause) { [over] in try await over.value() }) != nil { return }
                pause = min(pause * 2, Self.pauses.longest)
            }
            if isOver { return }
            do { process = try await start(process.input.size) } catch {
                await output.add(.terminal, Array("\r\nThe program could not be started again: \(error)\r\n".utf8))
                return
            }
        }
        _ = try? await process.ending.value()
    }
}
