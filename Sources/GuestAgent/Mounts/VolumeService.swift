import Glibc
import HTTP
import Linux
import RPC
import Synchronization
import Wire

/// `martlet.guest.v1.Volumes`: lets the host say which volumes are mounted here, and where.
final class VolumeService: Sendable {
    private let tunnels: Tunnels
    private let users: Users
    private let authority: Authority
    /// Where volumes were mounted, by this guest or by the one that its snapshot was taken of.
    private let places = Mutex<Set<String>>([])

    /// Of umount2(2): whoever uses it still may go on.
    private static let detached: Int32 = 2

    init(tunnels: Tunnels, users: Users, authority: Authority) {
        self.tunnels = tunnels
        self.users = users
        self.authority = authority
    }

    func register(in router: inout CallRouter) {
        router.on(MountVolume.self) { [self] mount, _ in
            do {
                try await self.mount(mount)
            } catch let error as LinuxError {
                throw CallError(.internalError, "'\(mount.name)' was not mounted at '\(mount.path)': \(error)")
            }
            return Empty()
        }
    }

    /// Mounts a volume, and returns when its files are there.
    private func mount(_ mount: VolumeMount) async throws {
        guard mount.path.utf8.first == 0x2F, !mount.path.utf8.contains(0) else {
            throw CallError(.invalidArgument, "A volume is mounted at a path that begins with '/'")
        }
        let owner = try await BlockingPool.run { [users, authority] in
            guard let account = users.find(authority.surroundings.defaultUser ?? Users.fallback) else {
                throw CallError(.failedPrecondition, "There is no user here whose a volume's files could be")
            }
            return FUSEAnswer.Owner(user: account.uid, group: account.gid)
        }
        let wasMounted = !places.withLock { $0.insert(mount.path).inserted }
        let device = try await BlockingPool.run {
            // A guest that goes on from another's snapshot has that one's mount, which the host does not serve to it.
            if wasMounted { umount2(mount.path, Self.detached) }
            return try Self.mount(mount)
        }
        let opening = TunnelOpening(.volume, port: 0, volume: mount.volume)
        let line = VolumeLine { [tunnels] in try await tunnels.open(opening) }
        let volume = MountedVolume(device: try Channel(device), line: line, owner: owner)
        // The tasks' owner is the mount, which stays as long as the machine; when it ends, so do they.
        Task(executorPreference: EventLoop.shared) {
            let carrying = Task(executorPreference: EventLoop.shared) { await line.run() }
            try? await volume.run()
            carrying.cancel()
        }
        let reply = await line.ask(.attributes(VolumeFile(.root)))
        guard case .attributes = reply.answer else {
            throw CallError(.unavailable, "The host does not serve the volume '\(mount.name)'")
        }
    }

    /// Blocks, but not for the files: the kernel asks for the first of them later.
    private static func mount(_ mount: VolumeMount) throws(LinuxError) -> Descriptor {
        try Linux.Files.makeDirectory(mount.path, mode: 0o755)
        let device = try Descriptor.open("/dev/fuse", O_RDWR | O_NONBLOCK)
        try Mounts.mount(
            mount.name,
            mount.path,
            "fuse.martlet",
            MountFlags.noSetUID | MountFlags.noDevices,
            "fd=\(device.raw),rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
        )
        return device
    }
}
