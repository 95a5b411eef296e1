import Glibc
import Linux
import Records

/// What an installation that has ended left behind, and must not.
struct Leftovers {
    /// What stays in a home: records, the key, what templates and runs are made of.
    private static let kept: Set<String> = [
        "martlet.db", "api-key", "kvm-probe.json", "images", "templates", "runs", "logs", "cache", "machines",
        "snapshots", "volumes", "volumes.key", "tls", "daemon.lock", "start.lock", "daemon.log", "audit", "secrets.key",
        "authorities",
    ]

    let installation: Installation

    init(of installation: Installation) {
        self.installation = installation
    }

    func all() -> [String] {
        let home = installation.home
        var found = processes().map { "process \($0.pid): \($0.line.prefix(200))" }
        found += Files.list(home.path).filter { !Self.kept.contains($0) }.map { "\(home.path)/\($0)" }
        found += Files.list(home.machines).map { "\(home.machines)/\($0)" }
        found += Files.list("\(installation.root)/tmp").map { "\(installation.root)/tmp/\($0)" }
        found += Files.list("\(home.path)/authorities").map { "\(home.path)/authorities/\($0)" }
        found += Files.list("\(home.templates)/building").map { "\(home.templates)/building/\($0)" }
        return found
    }

    /// Programs that run below the installation's directory or name it: machines, daemons, tools.
    func processes() -> [(pid: Int32, line: String)] {
        Files.list("/proc").compactMap { Int32($0) }.filter { $0 != getpid() }.compactMap { pid in
            let line = Self.commandLine(of: pid)
            let isOurs =
                Files.linkTarget("/proc/\(pid)/cwd")?.hasPrefix(installation.root) == true
                || line.contains(installation.root)
            // One that has ended and waits to be collected is nothing.
            return isOurs && !line.isEmpty ? (pid, line) : nil
        }
    }

    /// The words that a process was started with, as `ps` shows them.
    static func commandLine(of pid: Int32) -> String {
        String(decoding: ((try? Files.read("/proc/\(pid)/cmdline")) ?? []).map { $0 == 0 ? 0x20 : $0 }, as: UTF8.self)
    }
}
