import Glibc
import Linux
import Testing

@testable import Volumes

@Suite struct `the files of a volume` {
    @Test func `are written whole, read back and described`() async throws {
        try await Fixture.withContent { content, _, _ in
            let written = try await content.write("hello", to: "/a.txt", VolumeAttributes(mode: 0o600))
            #expect(written.kind == .file && written.size == 5 && written.mode == 0o600)
            #expect(written.path.description == "/a.txt" && written.path.name == "a.txt")
            #expect(written.uid == geteuid() && written.gid == getegid())
            #expect(try await content.text("/a.txt") == "hello")
            #expect(try await content.entry("/a.txt").modified == written.modified)
            // What is not said stays.
            #expect(try await content.write("again", to: "/a.txt").mode == 0o600)
            #expect(try await content.write("", to: "/empty").mode == 0o644)
            #expect(try await content.text("/empty") == "")
        }
    }

    @Test func `come in and go out piece by piece`() async throws {
        try await Fixture.withContent { content, directory, _ in
            let pieces = (0..<64).map { number in [UInt8](repeating: UInt8(number), count: 100_003) }
            var rest = pieces[...]
            let entry = try await content.write(
                try VolumePath("/big"),
                VolumeAttributes(),
                makesParents: false,
                size: nil
            ) {
                // Until it is whole nobody sees it.
                #expect(Files.list(directory).isEmpty)
                return rest.popFirst() ?? []
            }
            #expect(entry.size == 64 * 100_003)
            var read: [UInt8] = []
            var largest = 0
            try await content.read(try VolumePath("/big")).read { bytes in
                largest = max(largest, bytes.count)
                read += bytes
            }
            #expect(read == pieces.flatMap { $0 })
            #expect(largest <= 256 * 1024)
        }
    }

    @Test func `that break off half way leave the old one as it was`() async throws {
        struct Broken: Error {}
        try await Fixture.withContent { content, _, _ in
            try await content.write("old", to: "/a")
            var isFirst = true
            await #expect(throws: Broken.self) {
                _ = try await content.write(
                    try VolumePath("/a"),
                    VolumeAttributes(),
                    makesParents: false,
                    size: nil
                ) {
                    guard isFirst else { throw Broken() }
                    isFirst = false
                    return Array("new".utf8)
                }
            }
            #expect(try await content.text("/a") == "old")
        }
    }

    @Test func `are refused when the disk has no room left`() async throws {
        try await Fixture.withContent(reserve: .max) { content, directory, _ in
            #expect(await code { try await content.write("x", to: "/a") } == .noSpace)
            #expect(Files.list(directory).isEmpty)
        }
        try await Fixture.withContent { content, _, _ in
            let all = Int(Files.freeSpace("/tmp") ?? 0)
            #expect(
                await code {
                    _ = try await content.write(
                        try VolumePath("/a"),
                        VolumeAttributes(),
                        makesParents: false,
                        size: all
                    ) {
                        Issue.record("nothing needs to come for that")
                        return []
                    }
                } == .noSpace
            )
        }
    }

    @Test func `need a directory to be in`() async throws {
        try await Fixture.withContent { content, _, _ in
            #expect(await code { try await content.write("x", to: "/a/b/c") } == .pathNotFound)
            try await content.write("x", to: "/a/b/c", makesParents: true)
            #expect(try await content.paths("/", depth: 9) == ["/a", "/a/b", "/a/b/c"])
            #expect(await code { try await content.write("x", to: "/a/b") } == .invalid)
            #expect(await code { try await content.write("x", to: "/") } == .invalid)
            for makesParents in [false, true] {
                #expect(
                    await code { try await content.write("x", to: "/a/b/c/d", makesParents: makesParents) }
                        == .pathNotFound
                )
            }
        }
    }

    @Test func `are listed to a depth, each directory before what is in it`() async throws {
        try await Fixture.withContent { content, directory, _ in
            for path in ["/b/x", "/a/y/z", "/c"] { try await content.write("x", to: path, makesParents: true) }
            #expect(symlink("a", "\(directory)/link") == 0)
            #expect(mkfifo("\(directory)/pipe", 0o600) == 0)
            #expect(try await content.paths("/") == ["/a", "/b", "/c", "/link", "/pipe"])
            #expect(
                try await content.paths("/", depth: 2) == ["/a", "/a/y", "/b", "/b/x", "/c", "/link", "/pipe"]
            )
            #expect(try await content.paths("/link", depth: 2) == ["/link/y", "/link/y/z"])
            #expect(try await content.entry("/link").kind == .link(target: "a"))
            #expect(try await content.entry("/pipe").kind == .other)
            #expect(await code { _ = try await content.paths("/c") } == .invalid)
            #expect(await code { _ = try await content.paths("/none") } == .pathNotFound)
            // A pipe has no end to wait for.
            #expect(await code { _ = try await content.text("/pipe") } == .invalid)
            #expect(await code { _ = try await content.text("/a") } == .invalid)
            #expect(throws: VolumesError.self) {
                try content.files.list(try VolumePath("/"), depth: 2, limit: 6)
            }
        }
    }

    @Test func `have directories, made with their parents or not`() async throws {
        try await Fixture.withContent { content, _, _ in
            let made = try await content.makeDirectory("/d")
            #expect(made.kind == .directory && made.mode == 0o755)
            #expect(await code { try await content.makeDirectory("/d") } == .pathExists)
            #expect(try await content.makeDirectory("/d", makesParents: true).path.description == "/d")
            #expect(await code { try await content.makeDirectory("/x/y") } == .pathNotFound)
            #expect(try await content.makeDirectory("/x/y/z", makesParents: true).kind == .directory)
            try await content.write("x", to: "/file")
            #expect(await code { try await content.makeDirectory("/file/d", makesParents: true) } == .pathNotFound)
            #expect(await code { try await content.makeDirectory("/") } == .pathExists)
            #expect(try await content.makeDirectory("/", makesParents: true).path.isRoot)
        }
    }

    @Test func `change mode and owner, each without the other`() async throws {
        try await Fixture.withContent { content, _, _ in
            try await content.write("x", to: "/a")
            let path = try VolumePath("/a")
            #expect(try await content.change(path, VolumeAttributes(mode: 0o4750)).mode == 0o4750)
            #expect(try await content.change(path, VolumeAttributes()).mode == 0o4750)
            let other = try VolumePath("/b")
            #expect(await code { _ = try await content.change(other, VolumeAttributes()) } == .pathNotFound)
            guard geteuid() == 0 else { return }
            let owned = try await content.change(path, VolumeAttributes(mode: 0o640, uid: 1000))
            #expect(owned.uid == 1000 && owned.gid == 0 && owned.mode == 0o640)
            // And the next content has the same owner.
            #expect(try await content.write("y", to: "/a").uid == 1000)
            #expect(try await content.write("y", to: "/b", VolumeAttributes(gid: 7)).gid == 7)
        }
    }

    @Test func `are removed with all below them, and links without what they lead to`() async throws {
        try await Fixture.withContent { content, directory, outside in
            try await content.write("x", to: "/a/b/c", makesParents: true)
            try await content.write("x", to: "/kept")
            #expect(symlink(outside, "\(directory)/a/out") == 0)
            #expect(symlink("kept", "\(directory)/in") == 0)
            chmod("\(directory)/a/b", 0)
            try await content.remove("/a")
            try await content.remove("/in")
            #expect(try await content.paths("/", depth: 9) == ["/kept"])
            #expect(await code { try await content.remove("/a") } == .pathNotFound)
            #expect(await code { try await content.remove("/") } == .invalid)
        }
    }
}
