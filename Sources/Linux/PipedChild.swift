import CLinux
import Glibc

/// A child with a pipe for each of its standard streams, in a session of its own: a Ctrl-C at our terminal is ours to handle, and
/// a kill reaches all that it started.
package final class PipedChild: Sendable {
    package let child: ChildProcess
    package let input: Channel
    package let output: Channel
    package let errors: Channel

    /// - Parameter outputCapacity: bytes that the program may write before they are read; nil leaves the kernel's choice. It is
    ///   a wish: more than 1 MiB needs a privilege.
    package init(
        path: String,
        arguments: [String],
        environment: [String: String],
        directory: String? = nil,
        user: Spawn.User? = nil,
        outputCapacity: Int32? = nil
    ) throws {
        let stdin = try Descriptor.pipe()
        let stdout = try Descriptor.pipe()
        let stderr = try Descriptor.pipe()
        if let outputCapacity { _ = clinux_pipe_capacity(stdout.reading.raw, outputCapacity) }
        var spawn = Spawn(
            path: path,
            arguments: arguments,
            environment: environment,
            input: stdin.reading,
            output: stdout.writing,
            error: stderr.writing
        )
        spawn.directory = directory
        spawn.startsSession = true
        spawn.user = user
        child = try ChildProcess.start(spawn)
        for used in [stdin.reading, stdout.writing, stderr.writing] { used.close() }
        input = try Channel(stdin.writing)
        output = try Channel(stdout.reading)
        errors = try Channel(stderr.reading)
    }

    /// Kills it and all that it started.
    package func kill() {
        // Once it was collected, its number may be another's.
        if child.exit.current == nil { Glibc.kill(-child.pid, SIGKILL) }
        child.send(SIGKILL)
    }
}
