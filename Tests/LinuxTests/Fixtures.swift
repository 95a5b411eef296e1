import Glibc
import Linux
import Synchronization

/// A folder that goes with the scope.
func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let folder = "/tmp/martlet-tests-\(Random.name(12))"
    try Files.makeDirectory(folder)
    defer { try? Files.remove(folder) }
    return try await body(folder)
}

/// Two ends of one unix stream.
func socketPair() throws -> (Channel, Channel) {
    var ends: [Int32] = [-1, -1]
    try check("make a pair of sockets") {
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
    }
    return (try Channel(Descriptor(owning: ends[0])), try Channel(Descriptor(owning: ends[1])))
}

/// What a child is started with: no input, no output, one argument.
func shell(_ script: String, output: Descriptor? = nil) throws -> Spawn {
    let null = try Descriptor.null()
    return Spawn(
        path: "/bin/sh",
        arguments: ["sh", "-c", script],
        environment: ["PATH": "/usr/bin:/bin"],
        input: null,
        output: output ?? null,
        error: null
    )
}

final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add(_ amount: Int) { count.add(amount, ordering: .relaxed) }
}

/// Starts `wait` in a task, cancels it, and gives what it threw.
func whatCancellingThrows<Result: Sendable>(
    _ wait: @escaping @Sendable () async throws -> Result
) async -> (any Error)? {
    let begun = Latch<Void>()
    let task = Task {
        begun.set(())
        return try await wait()
    }
    try? await begun.value()
    task.cancel()
    do {
        _ = try await task.value
        return nil
    } catch {
        return error
    }
}
