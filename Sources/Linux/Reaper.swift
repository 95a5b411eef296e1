import CLinux
import Glibc
import Synchronization

/// Collects ended children.
///
/// An ordinary process watches each child's pidfd and collects exactly that child. PID 1 also inherits every orphan, so there
/// one loop collects whatever has ended and tells the owner, if it has one.
final class Reaper: Sendable {
    static let shared = Reaper()

    private let isInit = getpid() == 1
    /// As PID 1: the children that somebody waits for. Held while one is started, so that it can not end unregistered.
    private let waiting = Mutex<[pid_t: Latch<ExitStatus>]>([:])

    private init() {
        if isInit { collectForEver() }
    }

    func start<Child>(_ spawn: Spawn, _ make: (Int32, Descriptor, Latch<ExitStatus>) -> Child) throws -> Child {
        let exit = Latch<ExitStatus>()
        if isInit {
            return try waiting.withLock { waiting in
                let (pid, pidfd) = try spawn.execute()
                waiting[pid] = exit
                return make(pid, pidfd, exit)
            }
        }
        let (pid, pidfd) = try spawn.execute()
        let readiness = Readiness()
        let token: UInt64
        do {
            token = try EventLoop.shared.add(readiness, for: pidfd, EPOLLIN.rawValue)
        } catch {
            // Nobody would hear of its end: it must not live.
            clinux_discard(pidfd.raw)
            throw error
        }
        // The task's owner is the child: it ends when the child does.
        Task(executorPreference: EventLoop.shared) {
            var ended = clinux_exit()
            while true {
                readiness.clear()
                if clinux_wait_pidfd(pidfd.raw, &ended) < 0 || ended.pid != 0 { break }
                do { try await readiness.wait() } catch { break }
            }
            EventLoop.shared.remove(token, from: pidfd)
            exit.set(ExitStatus(ended))
        }
        return make(pid, pidfd, exit)
    }

    private func collectForEver() {
        // The task's owner is the process: PID 1 reaps as long as the machine runs.
        Task(executorPreference: EventLoop.shared) { [self] in
            guard let signals = try? Signals([SIGCHLD]) else { return }
            while (try? await signals.next()) != nil {
                if waiting.withLockIfAvailable({ Self.collectAll(&$0) }) != nil { continue }
                // A child is being started, which may wait for a file system that this very loop serves.
                try? await BlockingPool.run { [self] in waiting.withLock { Self.collectAll(&$0) } }
            }
        }
    }

    private static func collectAll(_ waiting: inout [pid_t: Latch<ExitStatus>]) {
        var ended = clinux_exit()
        while clinux_wait_any(&ended) == 0, ended.pid != 0 {
            waiting.removeValue(forKey: ended.pid)?.set(ExitStatus(ended))
        }
    }
}

extension Spawn {
    /// Clones and executes.
    fileprivate func execute() throws(SpawnError) -> (pid: Int32, pidfd: Descriptor) {
        var raw = clinux_spawn(
            path: nil,
            arguments: nil,
            environment: nil,
            directory: nil,
            input: input.raw,
            output: output.raw,
            error: error.raw,
            cgroup: cgroup?.raw ?? -1,
            new_session: startsSession ? 1 : 0,
            controlling_terminal: takesTerminal ? 1 : 0,
            set_ids: self.user == nil ? 0 : 1,
            uid: self.user?.uid ?? 0,
            gid: self.user?.gid ?? 0,
            groups: nil,
            group_count: self.user?.groups.count ?? 0,
            open_files: openFiles ?? -1,
            without_huge_pages: avoidsHugePages ? 1 : 0
        )
        let strings = CStrings()
        raw.path = UnsafePointer(strings.copy(path))
        raw.arguments = strings.array(arguments)
        raw.environment = strings.array(environment.map { "\($0)=\($1)" })
        if let directory { raw.directory = UnsafePointer(strings.copy(directory)) }
        var pid: pid_t = 0
        var pidfd: Int32 = -1
        var stage: Int32 = 0
        let failure = (self.user?.groups ?? []).withUnsafeBufferPointer { groups in
            raw.groups = groups.baseAddress
            return clinux_start(&raw, &pid, &pidfd, &stage)
        }
        withExtendedLifetime(strings) {}
        if failure != 0 { throw SpawnError(self, stage: .init(raw: stage), errno: failure) }
        return (pid, Descriptor(owning: pidfd))
    }
}

extension SpawnError.Stage {
    fileprivate init(raw: Int32) {
        self =
            switch UInt32(bitPattern: raw) {
            case CLINUX_STAGE_SESSION.rawValue: .session
            case CLINUX_STAGE_CGROUP.rawValue: .cgroup
            case CLINUX_STAGE_DESCRIPTORS.rawValue: .descriptors
            case CLINUX_STAGE_TERMINAL.rawValue: .terminal
            case CLINUX_STAGE_USER.rawValue: .user
            case CLINUX_STAGE_DIRECTORY.rawValue: .directory
            case CLINUX_STAGE_EXECUTE.rawValue: .execute
            default: .clone
            }
    }
}

/// C strings that live as long as this object.
private final class CStrings {
    private var strings: [UnsafeMutablePointer<CChar>] = []
    private var arrays: [UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>] = []

    func copy(_ text: String) -> UnsafeMutablePointer<CChar>? {
        let copy = strdup(text)
        if let copy { strings.append(copy) }
        return copy
    }

    func array(_ texts: [String]) -> UnsafePointer<UnsafeMutablePointer<CChar>?> {
        let array = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: texts.count + 1)
        for (index, text) in texts.enumerated() { array[index] = copy(text) }
        array[texts.count] = nil
        arrays.append(array)
        return UnsafePointer(array)
    }

    deinit {
        for string in strings { free(string) }
        for array in arrays { array.deallocate() }
    }
}
