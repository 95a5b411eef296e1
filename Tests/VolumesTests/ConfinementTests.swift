import CLinux
import Glibc
import Linux
import Synchronization
import Testing

@testable import Volumes

/// What goes on until somebody says that it is over.
private final class Turns: Sendable {
    let areOver = Atomic(false)
}

/// What a guest or a client may have put into a volume to get at the host.
///
/// Whatever would be done if the walk did not hold is done to files of the test's own: nothing here may name another one.
@Suite struct `nothing leads out of a volume` {
    @Test(arguments: [
        "/../../outside/secret", "/a/../../../outside/secret", "../../outside/secret", "/link/../secret",
        "/absolute/secret", "/relative/secret", "/up/up/outside/secret", "/file", "/descriptor/secret",
    ])
    func `by the path`(_ path: String) async throws {
        try await Fixture.withContent { content, directory, outside in
            try Files.makeDirectory("\(directory)/a")
            // A link by which the kernel goes to an open directory, wherever that is.
            let open = try Descriptor.open(outside, O_RDONLY | O_DIRECTORY)
            defer { open.close() }
            for (name, target) in [
                ("link", outside), ("absolute", outside), ("relative", "../../outside"), ("up", ".."),
                ("file", "\(outside)/secret"), ("descriptor", "/proc/self/fd/\(open.raw)"),
            ] {
                #expect(symlink(target, "\(directory)/\(name)") == 0)
            }
            #expect(await code { _ = try await content.text(path) } == .pathNotFound)
            if path != "/file" { #expect(await code { _ = try await content.entry(path) } == .pathNotFound) }
            #expect(
                await code { _ = try await content.change(try VolumePath(path), VolumeAttributes(mode: 0o777)) }
                    == .pathNotFound
            )
            // These may do something, in the volume: the fixture looks whether anything was done outside.
            _ = try? await content.write("mine", to: path)
            _ = try? await content.write("mine", to: path, makesParents: true)
            _ = try? await content.makeDirectory(path, makesParents: true)
            try? await content.remove(path)
            var status = stat()
            #expect(stat("\(outside)/secret", &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
    }

    @Test func `by a link to the root, which is the volume's own`() async throws {
        try await Fixture.withContent { content, directory, outside in
            #expect(symlink("/", "\(directory)/root") == 0)
            #expect(await code { _ = try await content.text("/root\(outside)/secret") } == .pathNotFound)
            try await content.write("mine", to: "/root\(outside)/new", makesParents: true)
            #expect(try Files.read("\(directory)\(outside)/new") == Array("mine".utf8))
            #expect(try await content.text("/root/root\(outside)/new") == "mine")
        }
    }

    @Test func `by links in a circle`() async throws {
        try await Fixture.withContent { content, directory, _ in
            #expect(symlink("two", "\(directory)/one") == 0)
            #expect(symlink("one", "\(directory)/two") == 0)
            #expect(await code { _ = try await content.text("/one/x") } == .invalid)
            #expect(await code { try await content.makeDirectory("/one/x", makesParents: true) } == .invalid)
        }
    }

    @Test func `by a link that takes a directory's place in the middle of a call`() async throws {
        try await Fixture.withContent { content, directory, outside in
            try Files.makeDirectory("\(directory)/d")
            try Files.write("mine".utf8, to: "\(directory)/d/secret")
            #expect(symlink(outside, "\(directory)/link") == 0)
            let turns = Turns()
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    try? await BlockingPool.run {
                        // The directory and the link take turns at the name `d`, as fast as they can.
                        while !turns.areOver.load(ordering: .relaxed) {
                            rename("\(directory)/d", "\(directory)/aside")
                            rename("\(directory)/link", "\(directory)/d")
                            rename("\(directory)/d", "\(directory)/link")
                            rename("\(directory)/aside", "\(directory)/d")
                        }
                    }
                }
                defer { turns.areOver.store(true, ordering: .relaxed) }
                var reads = 0
                for round in 0..<150 {
                    if let text = try? await content.text("/d/secret") {
                        #expect(text == "mine")
                        reads += 1
                    }
                    _ = try? await content.write("mine", to: "/d/secret")
                    _ = try? await content.write("mine", to: "/d/new-\(round)")
                    _ = try? await content.makeDirectory("/d/x/y-\(round)", makesParents: false)
                    _ = try? await content.change(try VolumePath("/d/secret"), VolumeAttributes(mode: 0o777))
                    for entry in (try? await content.list(try VolumePath("/d"), depth: 3)) ?? [] {
                        #expect(entry.path.description.hasPrefix("/d/"))
                    }
                    try? await content.remove("/d/new-\(round)")
                }
                #expect(reads > 0)
            }
            var status = stat()
            #expect(stat("\(outside)/secret", &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
    }
}

@Suite(.enabled(if: geteuid() == 0, "only root can act as somebody else"))
struct `a daemon that is not root` {
    /// Does something with the files of a volume as a user without rights.
    private func withFiles<Result: Sendable>(
        _ body: @Sendable @escaping (VolumeFiles, IncomingFiles, _ directory: String) throws -> Result
    ) async throws -> Result {
        let folder = "/tmp/martlet-volumes-\(Random.name(10))"
        try Files.makeDirectory(folder, mode: 0o755)
        defer { try? Files.remove(folder) }
        chmod(folder, 0o777)
        return try await BlockingPool.run {
            #expect(clinux_act_as(65534, 65534, [], 0) == 0)
            defer { _ = clinux_act_as(0, 0, [], 0) }
            try Files.makeDirectory("\(folder)/root")
            let files = VolumeFiles(
                root: try Descriptor.open("\(folder)/root", pathOnly | O_DIRECTORY),
                removed: try RemovedFiles("\(folder)/removed")
            )
            return try body(files, try IncomingFiles("\(folder)/incoming", reserve: 0), folder)
        }
    }

    @Test func `says so when it can not give a file away`() async throws {
        let error = try await withFiles { files, _, _ in
            _ = try files.makeDirectory(try VolumePath("/d"), VolumeAttributes(), makesParents: false)
            return #expect(throws: VolumesError.self) {
                try files.change(try VolumePath("/d"), VolumeAttributes(uid: 1000))
            }
        }
        #expect(error?.code == .denied)
        #expect(error?.message.contains("has no right to give files away") == true)
    }

    @Test func `removes directories that it may not write in`() async throws {
        try await withFiles { files, _, directory in
            for path in ["/a", "/a/b", "/a/b/c"] {
                _ = try files.makeDirectory(try VolumePath(path), VolumeAttributes(), makesParents: false)
            }
            for path in ["/a/b/c", "/a/b", "/a"] {
                _ = try files.change(try VolumePath(path), VolumeAttributes(mode: path == "/a/b/c" ? 0 : 0o555))
            }
            try files.remove(try VolumePath("/a"))
            #expect(Files.list("\(directory)/root").isEmpty && Files.list("\(directory)/removed").isEmpty)
        }
    }
}
