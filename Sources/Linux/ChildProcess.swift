import CLinux
import Glibc
import Synchronization

/// How a program ended.
package enum ExitStatus: Sendable, Hashable {
    case exited(Int32)
    case signalled(Int32)

    package var isSuccess: Bool { self == .exited(0) }

    /// The status a shell would report: 128 and the signal's number for a program that a signal ended.
    package var shellStatus: Int32 {
        switch self {
        case .exited(let status): status
        case .signalled(let signal): 128 + signal
        }
    }

    init(_ exit: clinux_exit) {
        self = exit.code == Int32(CLD_EXITED) ? .exited(exit.status) : .signalled(exit.status)
    }
}

/// What to start, and with what.
package struct Spawn: Sendable {
    package struct User: Sendable, Hashable {
        package var uid: UInt32
        package var gid: UInt32
        package var groups: [UInt32]

        package init(uid: UInt32, gid: UInt32, groups: [UInt32] = []) {
            self.uid = uid
            self.gid = gid
            self.groups = groups
        }
    }

    /// The executable's path; it is not searched for. See ``Program/find(_:path:)``.
    package var path: String
    /// The whole of argv, the program's own name first.
    package var arguments: [String]
    package var environment: [String: String]
    package var directory: String?
    package var input: Descriptor
    package var output: Descriptor
    package var error: Descriptor
    /// An open `cgroup.procs` that the child writes itself into before it executes.
    package var cgroup: Descriptor?
    package var startsSession = false
    /// Makes standard input the controlling terminal; needs ``startsSession``.
    package var takesTerminal = false
    package var user: User?
    package var openFiles: Int64?
    /// For programs of which many run and each touches its memory sparsely.
    package var avoidsHugePages = false

    package init(
        path: String,
        arguments: [String],
        environment: [String: String],
        input: Descriptor,
        output: Descriptor,
        error: Descriptor
    ) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.input = input
        self.output = output
        self.error = error
    }
}

/// A program that could not be started; a program that ran and failed is an ``ExitStatus``.
package struct SpawnError: Error, Sendable, CustomStringConvertible {
    package enum Stage: Sendable { case clone, session, cgroup, descriptors, terminal, user, directory, execute }

    package let stage: Stage
    package let code: LinuxError.Code
    package let message: String

    init(_ spawn: Spawn, stage: Stage, errno: Int32) {
        self.stage = stage
        code = LinuxError.Code(rawValue: errno)
        let reason = String(cString: strerror(errno))
        switch stage {
        case .directory:
            message = "Could not start '\(spawn.path)' in the directory '\(spawn.directory ?? "")': \(reason)"
        case .user:
            message = "Could not start '\(spawn.path)' as another user: \(reason)"
        case .execute where errno == E2BIG:
            message = "Could not start '\(spawn.path)': its arguments and environment are larger than Linux allows"
        case .clone, .session, .cgroup, .descriptors, .terminal, .execute:
            message = "Could not start '\(spawn.path)': \(reason)"
        }
    }

    package var description: String { message }
}

/// A child of this process, awaited without holding a thread.
package final class ChildProcess: Sendable {
    package let pid: Int32
    /// Set when the child has ended and was collected.
    package let exit: Latch<ExitStatus>
    private let pidfd: Descriptor

    private init(pid: Int32, pidfd: Descriptor, exit: Latch<ExitStatus>) {
        self.pid = pid
        self.pidfd = pidfd
        self.exit = exit
    }

    /// Starts a program.
    ///
    /// - Throws: ``SpawnError`` when it could not be executed. How it ends is no error.
    package static func start(_ spawn: Spawn) throws -> ChildProcess {
        try Reaper.shared.start(spawn) { pid, pidfd, exit in
            ChildProcess(pid: pid, pidfd: pidfd, exit: exit)
        }
    }

    /// Sends a signal; does nothing when the child has ended, and never hits another process.
    package func send(_ signal: Int32) {
        _ = clinux_signal_pidfd(pidfd.raw, signal)
    }

    /// Ends the child: SIGTERM first, SIGKILL after `grace`.
    @discardableResult
    package func terminate(grace: Duration) async throws -> ExitStatus {
        send(SIGTERM)
        do {
            return try await withDeadline(grace) { [exit] in try await exit.value() }
        } catch is DeadlineExceeded {
            send(SIGKILL)
            return try await exit.value()
        }
    }
}
