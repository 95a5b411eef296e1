import CLinux
import Glibc
import Linux

/// Makes a machine out of a kernel and a disk: what an init does before its first service.
///
/// It runs as `/init` of an initramfs that has the agent and the kernel's modules in it, and nothing else. The agent goes on
/// running from there; the disk becomes the root of all that it starts, and of itself.
struct Boot: Sendable {
    private let commandLine: KernelCommandLine
    private static let disk = "/dev/vda"
    private static let diskPlace = "/root-disk"

    /// Reads what the kernel was told.
    init() {
        commandLine = KernelCommandLine(Accounts.text(of: "/proc/cmdline"))
    }

    var bootstrap: SecretHash? { commandLine.bootstrap }

    /// Boots up to the point where the agent can serve.
    func run() async throws {
        umask(0o022)
        var files = rlimit(rlim_cur: 65_536, rlim_max: 65_536)
        setrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &files)
        loadModules()
        try await mountDisk()
        try enterDisk()
        try mountKernelFileSystems()
        setKernelUp()
        Network.bringUp()
        if clinux_set_hostname("martlet") < 0 { Console.say("no host name: \(LinuxError("set the host name"))") }
    }

    /// Loads `/modules/NN-name.ko` in the order of their numbers; one that the kernel has built in already is fine.
    private func loadModules() {
        let names = ((try? Directory.names("/modules")) ?? []).filter { $0.hasSuffix(".ko") }
        for name in names where clinux_load_module("/modules/\(name)") < 0 && errno != EEXIST {
            Console.say("module \(name) was not loaded: \(LinuxError("load a module"))")
        }
        Console.say("\(names.count) modules")
    }

    private func mountDisk() async throws {
        // The kernel tells nobody when the node is there.
        _ = try await retrying(every: .milliseconds(2), for: .seconds(10)) {
            access(Self.disk, F_OK) == 0 ? true : nil
        }
        try Mounts.directory(Self.diskPlace)
        // The disk has no life of its own: it is saved together with the memory, so nothing is gained by write barriers.
        try Mounts.mount(Self.disk, Self.diskPlace, "ext4", MountFlags.noAccessTimes, "noinit_itable,nobarrier")
        Console.say("root disk mounted")
    }

    private func enterDisk() throws(LinuxError) {
        try check("enter the root disk") { chdir(Self.diskPlace) }
        try Mounts.mount(".", "/", nil, MountFlags.move)
        try check("make the disk the root") { chroot(".") }
        try check("go to the new root") { chdir("/") }
    }

    private func mountKernelFileSystems() throws(LinuxError) {
        let plain = MountFlags.noSetUID | MountFlags.noDevices
        try Mounts.mount("proc", "/proc", "proc", plain | MountFlags.noExecution)
        try Mounts.mount("sysfs", "/sys", "sysfs", plain | MountFlags.noExecution)
        try Mounts.mount("devtmpfs", "/dev", "devtmpfs", MountFlags.noSetUID)
        try Mounts.mount(
            "devpts",
            "/dev/pts",
            "devpts",
            MountFlags.noSetUID | MountFlags.noExecution,
            "ptmxmode=666,mode=620,gid=5"
        )
        try Mounts.mount("tmpfs", "/dev/shm", "tmpfs", plain, "mode=1777")
        try Mounts.mount("tmpfs", "/run", "tmpfs", plain, "mode=755")
        // Each process is moved into a group of its own; kernels since 6.0 can do that without waiting for a grace period.
        let groups = plain | MountFlags.noExecution
        do {
            try Mounts.mount("cgroup2", "/sys/fs/cgroup", "cgroup2", groups, "favordynmods")
        } catch {
            try Mounts.mount("cgroup2", "/sys/fs/cgroup", "cgroup2", groups)
        }
        for (link, target) in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
            symlink("/proc/self/\(target)", "/dev/\(link)")
        }
        // An image may have none of them.
        for directory in ["/etc", "/root", "/var"] { try Mounts.directory(directory) }
        for directory in ["/run/lock", "/tmp", "/var/tmp"] {
            try Mounts.directory(directory)
            chmod(directory, 0o1777)
        }
    }

    private func setKernelUp() {
        let settings = [
            // Each watch of a client has an instance of its own, and the agent is one user.
            ("inotify/max_user_instances", "4096"),
            // The agent is root and works on users' files: nobody's link may lead it elsewhere.
            ("protected_symlinks", "1"), ("protected_hardlinks", "1"), ("protected_fifos", "2"),
            ("protected_regular", "2"),
        ]
        for (name, value) in settings {
            do {
                try MachineIdentity.write(value, to: "/proc/sys/fs/\(name)")
            } catch {
                Console.say("\(name) is not set: \(error)")
            }
        }
    }
}

/// What the agent looks for on the kernel's command line.
struct KernelCommandLine: Sendable {
    /// `martlet.bootstrap=` and the hash of the bootstrap secret: a command line can be read by every process.
    let bootstrap: SecretHash?

    init(_ text: String) {
        let key = "martlet.bootstrap="
        let words = text.split { $0 == " " || $0 == "\n" }
        bootstrap = words.first { $0.hasPrefix(key) }.flatMap { SecretHash(hexadecimal: $0.dropFirst(key.count)) }
    }
}

/// Short lines for whoever watches the machine's console.
enum Console {
    static func say(_ text: String) {
        let line = Array("martlet-guest \(text)\n".utf8)
        _ = Glibc.write(2, line, line.count)
    }
}
