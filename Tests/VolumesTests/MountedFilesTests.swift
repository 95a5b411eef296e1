import Access
import Glibc
import Linux
import Testing
import Wire

@testable import Volumes

@Suite struct `the files of a mounted volume` {
    private static func with(
        reserve: Int64 = VolumeStore.reserve,
        _ body: (MountedFiles, _ directory: String, _ outside: String) async throws -> Void
    ) async throws {
        try await Fixture.with(reserve: reserve) { fixture in
            let volume = try await fixture.store.add("data", owner: Fixture.ada)
            let directory = fixture.directory(of: volume)
            let files = MountedFiles(
                root: try Descriptor.open(directory, O_RDONLY | O_DIRECTORY),
                incoming: try IncomingFiles("\(fixture.folder)/volumes/.incoming", reserve: reserve)
            )
            try await body(files, directory, fixture.outside)
        }
    }

    private func path(_ text: String) -> VolumeFilePath { VolumeFilePath(Array(text.utf8)) ?? .root }
    private func file(_ text: String, _ handle: UInt64 = 0) -> VolumeFile { VolumeFile(path(text), handle: handle) }

    private func attributes(_ answer: VolumeAnswer) throws -> NodeAttributes {
        guard case .attributes(let attributes) = answer else { throw LinuxError(errno: EIO, "see \(answer)") }
        return attributes
    }

    @Test func `are written, read and renamed`() async throws {
        try await Self.with { files, directory, _ in
            let directoryMade = try attributes(files.answer(.makeDirectory(path("d"), mode: 0o4755)))
            #expect(directoryMade.mode == 0o040755)
            let made = try attributes(files.answer(.create(file("d/f", 1), [.read, .write, .exclusive], mode: 0o444)))
            #expect(made.mode == 0o100444 && made.size == 0)
            #expect(files.answer(.write(file("d/f", 1), offset: 2, appends: false, [1, 2])) == .done)
            #expect(files.answer(.write(file("d/f", 1), offset: 0, appends: true, [3])) == .done)
            #expect(files.answer(.read(file("d/f", 1), offset: 1, count: 100)) == .bytes([0, 1, 2, 3]))
            #expect(files.answer(.rename(path("d/f"), to: path("g"), flags: 0)) == .done)
            #expect(try Files.read("\(directory)/g") == [0, 0, 1, 2, 3])
            #expect(files.answer(.removeDirectory(path("d"))) == .done)
            #expect(files.answer(.attributes(file("d"))) == .failed(ENOENT))
        }
    }

    @Test func `are used on when their name has gone, as long as they are open here`() async throws {
        try await Self.with { files, _, _ in
            _ = files.answer(.create(file("f", 1), [.read, .write], mode: 0o600))
            #expect(files.answer(.removeFile(path("f"))) == .done)
            let nameless = VolumeFile(.root, handle: 1)
            #expect(files.answer(.write(nameless, offset: 0, appends: false, [1])) == .done)
            #expect(files.answer(.read(nameless, offset: 0, count: 9)) == .bytes([1]))
            #expect(files.answer(.close(handle: 1)) == .done)
            #expect(files.answer(.read(nameless, offset: 0, count: 9)) == .failed(ESTALE))
        }
    }

    @Test func `are opened again by their path, and only the same ones`() async throws {
        try await Self.with { files, directory, _ in
            let made = try attributes(files.answer(.create(file("f"), .exclusive, mode: 0o600)))
            let known = VolumeFile(path("f"), handle: 5, inode: made.inode)
            #expect(files.answer(.write(known, offset: 0, appends: false, [1, 2])) == .done)
            #expect(files.answer(.close(handle: 5)) == .done)
            #expect(files.answer(.read(known, offset: 1, count: 9)) == .bytes([2]))
            #expect(files.answer(.close(handle: 5)) == .done)
            try Files.write([9], to: "\(directory)/f")
            #expect(files.answer(.read(known, offset: 0, count: 9)) == .failed(ESTALE))
        }
    }

    @Test func `are not reached by any link`() async throws {
        try await Self.with { files, directory, outside in
            #expect(symlink(outside, "\(directory)/out") == 0)
            #expect(symlink("\(outside)/secret", "\(directory)/secret") == 0)
            for request: VolumeRequest in [
                .open(file("secret", 1), [.read, .write, .truncate]), .attributes(file("out/secret")),
                .read(file("secret"), offset: 0, count: 9), .write(file("out/new"), offset: 0, appends: false, [1]),
                .create(file("out/new", 2), .write, mode: 0o600), .create(file("secret", 2), .write, mode: 0o600),
                .list(path("out"), after: []), .removeFile(path("out/secret")),
                .makeDirectory(path("out/d"), mode: 0o755),
                .rename(path("out/secret"), to: path("mine"), flags: 0), .addName(path("out/secret"), to: path("mine")),
                .change(file("secret"), VolumeChange(size: 0)), .change(file("out/secret"), VolumeChange(mode: 0o777)),
            ] {
                guard case .failed = files.answer(request) else {
                    Issue.record("\(request) was done")
                    continue
                }
            }
            #expect(files.answer(.readLink(path("out"))) == .bytes(Array(outside.utf8)))
            let link = try attributes(files.answer(.attributes(file("out"))))
            #expect(link.mode & 0o170000 == 0o120000)
        }
    }

    @Test func `are not reached by a link that takes a directory's place meanwhile`() async throws {
        try await Self.with { files, directory, outside in
            try Files.makeDirectory("\(directory)/d")
            try Files.write("mine".utf8, to: "\(directory)/d/secret")
            #expect(symlink(outside, "\(directory)/link") == 0)
            let isOver = Latch<Void>()
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    try? await BlockingPool.run {
                        // The directory and the link take turns at the name `d`, as fast as they can.
                        while isOver.current == nil {
                            rename("\(directory)/d", "\(directory)/aside")
                            rename("\(directory)/link", "\(directory)/d")
                            rename("\(directory)/d", "\(directory)/link")
                            rename("\(directory)/aside", "\(directory)/d")
                        }
                    }
                }
                defer { isOver.set(()) }
                var reads = 0
                for round in 0..<1000 {
                    if case .bytes(let bytes) = files.answer(.read(file("d/secret"), offset: 0, count: 9)) {
                        #expect(bytes == Array("mine".utf8))
                        reads += 1
                    }
                    for request: VolumeRequest in [
                        .write(file("d/secret"), offset: 0, appends: false, Array("mine".utf8)),
                        .create(file("d/new-\(round)"), .exclusive, mode: 0o600),
                        .makeDirectory(path("d/dir-\(round)"), mode: 0o700),
                        .change(file("d/secret"), VolumeChange(mode: 0o777)),
                        .makeLink(path("d/link-\(round)"), target: [0x2F]),
                        .addName(path("d/secret"), to: path("d/other-\(round)")),
                        .removeFile(path("d/new-\(round)")), .removeFile(path("d/link-\(round)")),
                        .removeFile(path("d/other-\(round)")), .removeDirectory(path("d/dir-\(round)")),
                    ] { _ = files.answer(request) }
                }
                #expect(reads > 0)
            }
            var status = stat()
            #expect(stat("\(outside)/secret", &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
    }

    @Test func `are refused room that the disk does not have`() async throws {
        try await Self.with(reserve: .max) { files, directory, _ in
            #expect(files.answer(.create(file("f", 1), .write, mode: 0o600)) == .failed(ENOSPC))
            #expect(files.answer(.makeDirectory(path("d"), mode: 0o755)) == .failed(ENOSPC))
            #expect(Files.list(directory).isEmpty)
        }
    }

    @Test func `are listed in pieces when they are many`() async throws {
        try await Self.with { files, _, _ in
            let long = String(repeating: "n", count: 200)
            for number in 0..<1500 { _ = files.answer(.create(file("\(long)\(number)"), .exclusive, mode: 0o600)) }
            var names: [[UInt8]] = []
            var pieces = 0
            while case .names(let more, let isLast) = files.answer(.list(.root, after: names.last ?? [])) {
                names += more.map(\.name)
                pieces += 1
                if isLast { break }
            }
            #expect(pieces > 1 && Set(names).count == 1500 && names.count == 1500)
        }
    }
}

@Suite struct `the volumes of a sandbox` {
    private func mounts(_ store: VolumeStore, _ wishes: (String, String)...) async -> VolumesError.Code? {
        await code {
            _ = try await store.mounts(wishes.map { VolumeWish(name: $0.0, path: $0.1) }, owner: Fixture.ada)
        }
    }

    @Test func `are their owner's, each at one place of its own`() async throws {
        try await Fixture.with { fixture in
            let store = fixture.store
            let volume = try await store.add("data", owner: Fixture.ada)
            _ = try await store.add("more", owner: Fixture.ada)
            _ = try await store.add("theirs", owner: Fixture.bob)
            let found = try await store.mounts([VolumeWish(name: "data", path: "/mnt//v/")], owner: Fixture.ada)
            #expect(found == [VolumeMount(volume: volume.id, name: "data", path: "/mnt/v")])
            #expect(await mounts(store, ("data", "/mnt/v"), ("more", "/mnt/vv")) == nil)
            #expect(await mounts(store, ("theirs", "/mnt/v")) == .notFound)
            #expect(await mounts(store, ("data", "/mnt/v"), ("data", "/mnt/w")) == .invalid)
            #expect(await mounts(store, ("data", "/mnt/v"), ("more", "/mnt/v")) == .invalid)
            #expect(await mounts(store, ("data", "/mnt/v/w"), ("more", "/mnt/v")) == .invalid)
            for path in ["", "mnt", "/", "//", "/proc", "/proc/a", "/sys", "/dev/x", "/a/../b", "/./a", "/a\0"] {
                #expect(await mounts(store, ("data", path)) == .invalid, "\(path)")
            }
        }
    }
}
