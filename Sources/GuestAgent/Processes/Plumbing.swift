import CLinux
import Glibc
import Linux
import Wire

/// The pipes or the terminal between the agent and a process.
struct Plumbing: Sendable {
    /// What becomes the child's 0, 1 and 2.
    struct ChildEnds: Sendable {
        var input: Descriptor
        var output: Descriptor
        var error: Descriptor

        /// Closes the agent's copies; else the ends of the child's outputs would never be seen.
        func close() {
            for end in [input, output, error] { end.close() }
        }
    }

    var child: ChildEnds
    var input: ProcessInputs
    var outlets: [GuestProcess.Outlet]

    static func terminal(_ size: TerminalSize?, for setting: Processes.Setting) throws -> Plumbing {
        var number: Int32 = -1
        let primary = Descriptor(owning: try check("open a terminal") { clinux_open_pty(&number) })
        let subsidiary = Descriptor(owning: number)
        let size = size ?? TerminalSize(cols: 80, rows: 24)
        _ = clinux_set_window_size(primary.raw, UInt16(clamping: size.cols), UInt16(clamping: size.rows))
        give(subsidiary, to: setting)
        let channel = try Channel(primary)
        return Plumbing(
            child: ChildEnds(input: subsidiary, output: subsidiary, error: subsidiary),
            input: .terminal(channel, primary, size),
            outlets: [GuestProcess.Outlet(stream: .terminal, channel: channel, capacity: 64 * 1024)]
        )
    }

    static func pipes(_ request: StartProcess.Request, for setting: Processes.Setting) throws -> Plumbing {
        let stdout = try Descriptor.pipe()
        let stderr = try Descriptor.pipe()
        let outlets = try [(OutputStream.stdout, stdout.reading), (.stderr, stderr.reading)].map { stream, end in
            // A program may give up on a pipe that stays full for seconds; a larger one gives the agent more time.
            let enlarged = request.spool ?? false ? clinux_pipe_capacity(end.raw, 1024 * 1024) : -1
            let capacity = enlarged > 0 ? Int(enlarged) : 64 * 1024
            return GuestProcess.Outlet(stream: stream, channel: try Channel(end), capacity: capacity)
        }
        let input: (child: Descriptor, own: ProcessInputs)
        if request.stdin ?? true {
            let stdin = try Descriptor.pipe()
            give(stdin.reading, to: setting)
            input = (stdin.reading, .pipe(try Channel(stdin.writing)))
        } else {
            input = (try Descriptor.null(), .none())
        }
        give(stdout.writing, to: setting)
        give(stderr.writing, to: setting)
        return Plumbing(
            child: ChildEnds(input: input.child, output: stdout.writing, error: stderr.writing),
            input: input.own,
            outlets: outlets
        )
    }

    /// Makes the process's user the owner, so that it may open `/dev/stdout` and its terminal by name.
    private static func give(_ end: Descriptor, to setting: Processes.Setting) {
        if setting.switchesUser { _ = fchown(end.raw, setting.account.uid, setting.account.gid) }
    }
}
