import Arguments
import Glibc
import Linux
import Testing

@testable import Commands

/// What came out of an archive.
private func unpacked(_ copy: WorkingCopy, _ target: String) async throws {
    let file = "\(target).tar"
    let bytes = try await copy.withArchive { next in
        var all: [UInt8] = []
        while true {
            let bytes = try await next()
            if bytes.isEmpty { return all }
            all += bytes
        }
    }
    try Files.write(bytes, to: file)
    try Files.makeDirectory(target)
    let output = try await Program("tar", ["-xpf", file, "-C", target]).run()
    guard output.status.isSuccess else { throw Failed(what: output.errorText) }
}

private func names(_ copy: WorkingCopy) -> [String] {
    copy.names.map { String(decoding: $0, as: UTF8.self) }.sorted()
}

private func mode(_ path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
}

@Suite struct `a working copy` {
    @Test func `keeps modes, links and odd names`() async throws {
        let place = try Place()
        try place.write("#!/bin/sh", to: "in/bin/run", mode: 0o755)
        try place.write("secret", to: "in/private", mode: 0o600)
        try place.write("1", to: "in/-rf")
        try place.write("2", to: "in/two words/new\nline \u{1F426}")
        try place.write("3", to: "in/@list")
        symlink("bin/run", "\(place.path)/in/link")
        symlink("/nowhere", "\(place.path)/in/dangling")
        chmod("\(place.path)/in/bin", 0o750)
        let copy = try await WorkingCopy(of: "\(place.path)/in", isComplete: false)
        try await unpacked(copy, "\(place.path)/out")
        #expect(mode("\(place.path)/out/bin/run") == 0o755)
        #expect(mode("\(place.path)/out/bin") == 0o750)
        #expect(mode("\(place.path)/out/private") == 0o600)
        #expect(Files.linkTarget("\(place.path)/out/link") == "bin/run")
        #expect(Files.linkTarget("\(place.path)/out/dangling") == "/nowhere")
        #expect(try place.read("out/-rf") == "1")
        #expect(try place.read("out/two words/new\nline \u{1F426}") == "2")
        #expect(try place.read("out/@list") == "3")
    }

    @Test func `keeps names that are no UTF-8`() async throws {
        let place = try Place()
        let name: [UInt8] = [0x66, 0xFF, 0xFE]
        let path = (Array("\(place.path)/".utf8) + name + [0]).map { CChar(bitPattern: $0) }
        let file = open(path, O_CREAT | O_WRONLY, 0o644)
        close(file)
        #expect(try await WorkingCopy(of: place.path, isComplete: false).names == [name])
        #expect(try await WorkingCopy(of: place.path, isComplete: true).names == [name])
    }

    @Test(arguments: [false, true])
    func `leaves ignored files out, with and without a repository`(_ hasRepository: Bool) async throws {
        let place = try Place()
        try place.write("build/\n*.log\n", to: ".gitignore")
        try place.write("x", to: "build/out")
        try place.write("x", to: "a.log")
        try place.write("x", to: "src/a")
        if hasRepository {
            try await place.git("init", "--quiet")
            try await place.git("add", ".")
        }
        let copy = try await WorkingCopy(of: place.path, isComplete: false)
        #expect(names(copy).filter { !$0.hasPrefix(".git/") && $0 != ".git" } == [".gitignore", "src", "src/a"])
        #expect(names(copy).contains(".git") == hasRepository)
        let complete = try await WorkingCopy(of: place.path, isComplete: true)
        #expect(names(complete).contains("build/out"))
        #expect(names(complete).contains("a.log"))
    }

    @Test func `takes a directory that the repository around it ignores`() async throws {
        let place = try Place()
        try await place.git("init", "--quiet")
        try place.write("scratch/\n", to: ".gitignore")
        try place.write("x", to: "scratch/a")
        #expect(names(try await WorkingCopy(of: "\(place.path)/scratch", isComplete: false)) == ["a"])
    }

    @Test func `takes changed and new files, and no deleted ones`() async throws {
        let place = try Place()
        try await place.git("init", "--quiet")
        for name in ["kept", "gone", "changed"] { try place.write("1", to: name) }
        try await place.git("add", ".")
        try await place.git("commit", "--quiet", "-m", "x")
        unlink("\(place.path)/gone")
        try place.write("2", to: "changed")
        try place.write("3", to: "new")
        let copy = try await WorkingCopy(of: place.path, isComplete: false)
        #expect(names(copy).filter { !$0.hasPrefix(".git") } == ["changed", "kept", "new"])
        let target = try Place()
        try await unpacked(copy, "\(target.path)/out")
        #expect(try target.read("out/changed") == "2")
    }

    @Test(arguments: [false, true])
    func `carries a history that works, without configuration and hooks`(_ isComplete: Bool) async throws {
        let place = try Place()
        try await place.git("init", "--quiet")
        try await place.git("remote", "add", "origin", "https://user:token@host/repository")
        try place.write("exit 1", to: ".git/hooks/pre-commit", mode: 0o755)
        try place.write("1", to: "a")
        try await place.git("add", ".")
        try await place.git("commit", "--quiet", "--no-verify", "-m", "first")
        let copy = try await WorkingCopy(of: place.path, isComplete: isComplete)
        let left = names(copy).filter { $0 == ".git/config" || $0.hasPrefix(".git/hooks") || $0.hasPrefix(".git/logs") }
        #expect(left == [])
        let target = try Place()
        try await unpacked(copy, "\(target.path)/out")
        let log = try await Program("git", ["-C", "\(target.path)/out", "log", "--format=%s"]).run()
        #expect(log.text == "first\n")
        let status = try await Program("git", ["-C", "\(target.path)/out", "status", "--porcelain"]).run()
        #expect(status.text.isEmpty)
    }

    @Test func `takes a repository within a repository by its own rules`() async throws {
        let place = try Place()
        try await place.git("init", "--quiet")
        try place.write("x", to: "inner/a")
        try place.write("x", to: "inner/b.log")
        try place.write("*.log\n", to: "inner/.gitignore")
        let inner = try await Program("git", ["init", "--quiet", "\(place.path)/inner"]).run()
        #expect(inner.status.isSuccess)
        let copy = try await WorkingCopy(of: place.path, isComplete: false)
        #expect(names(copy).filter { !$0.hasPrefix(".git") } == ["inner", "inner/.gitignore", "inner/a"])
    }

    @Test func `counts what its files take when unpacked`() async throws {
        let place = try Place()
        try place.write("x", to: "a")
        try place.write(String(repeating: "x", count: 5000), to: "b/c")
        #expect(try await WorkingCopy(of: place.path, isComplete: false).byteCount == 4096 + 4096 + 8192)
    }

    @Test func `leaves sockets and pipes out and says so`() async throws {
        let place = try Place()
        mkfifo("\(place.path)/pipe", 0o600)
        try place.write("x", to: "a")
        let copy = try await WorkingCopy(of: place.path, isComplete: true)
        #expect(names(copy) == ["a"])
        #expect(copy.warnings.count == 1)
    }

    @Test func `of an empty directory is an empty archive`() async throws {
        let place = try Place()
        try Files.makeDirectory("\(place.path)/in")
        let copy = try await WorkingCopy(of: "\(place.path)/in", isComplete: false)
        try await unpacked(copy, "\(place.path)/out")
        #expect(Files.list("\(place.path)/out") == [])
    }

    @Test func `refuses what is no readable directory`() async throws {
        let place = try Place()
        try place.write("x", to: "file")
        for (path, words) in [("\(place.path)/none", "No such file"), ("\(place.path)/file", "is a file")] {
            await #expect {
                try await WorkingCopy(of: path, isComplete: false)
            } throws: { error in
                "\(error)".contains(words) && "\(error)".contains(path) && Status(error) == .usage
            }
        }
    }

    @Test func `fails when tar does`() async throws {
        let place = try Place()
        try place.write("x", to: "in/a")
        let copy = try await WorkingCopy(of: "\(place.path)/in", isComplete: false)
        unlink("\(place.path)/in/a")
        await #expect {
            try await unpacked(copy, "\(place.path)/out")
        } throws: { error in
            (error as? CommandsError)?.code == .toolFailed && "\(error)".contains("in")
        }
    }
}

@Suite struct `a clone` {
    @Test(arguments: [
        ("https://host/a.git", "https://host/a.git"), ("https://user:token@host/a@b", "https://host/a@b"),
        ("git@host:a/b.git", "git@host:a/b.git"),
    ])
    func `shows its URL without credentials`(_ url: String, _ shown: String) {
        #expect(RepositoryClone(url: url, ref: nil).shownURL == shown)
    }

    @Test(arguments: ["main", "v1", "commit"])
    func `has the files of a branch, a tag or a commit, and is gone afterwards`(_ kind: String) async throws {
        let place = try Place()
        try await place.git("init", "--quiet")
        try await place.git("config", "uploadpack.allowAnySHA1InWant", "true")
        try place.write("1", to: "a")
        try await place.git("add", ".")
        try await place.git("commit", "--quiet", "-m", "x")
        try await place.git("tag", "v1")
        let head = try await Program("git", ["-C", place.path, "rev-parse", "HEAD"]).run()
        let ref = kind == "commit" ? String(head.text.prefix(40)) : kind
        let clone = RepositoryClone(url: "file://\(place.path)", ref: ref)
        let directory = try await clone.cloned(progress: { _ in }) { directory in
            #expect(Files.list(directory) == [".git", "a"])
            return directory
        }
        #expect(!Files.exists(directory))
    }

    @Test func `that fails says why, and leaves nothing`() async throws {
        let clone = RepositoryClone(url: "file:///nowhere/at/all", ref: nil)
        await #expect {
            try await clone.cloned(progress: { _ in }) { _ in }
        } throws: { error in
            "\(error)".contains("'file:///nowhere/at/all'") && "\(error)".contains("fatal:")
        }
    }

    @Test func `never takes a URL for an option`() async throws {
        await #expect(throws: CommandsError.self) {
            try await RepositoryClone(url: "--upload-pack=touch x", ref: nil).cloned(progress: { _ in }) { _ in }
        }
    }
}
