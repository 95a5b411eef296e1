import FoundationEssentials
import Glibc
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `a working directory` {
        @Test func `comes in as git sees it, modes and links kept`() async throws {
            let martlet = try shared()
            let project = try Project("\(martlet.root)/work/listed")
            try project.write("*.log\nbuild/\n", to: ".gitignore")
            try project.write("#!/bin/sh\necho ran\n", to: "tool.sh", mode: 0o755)
            try project.write("x", to: "a b/é 'quoted'.txt")
            try project.link("short", to: "tool.sh")
            try project.link("broken", to: "/nowhere/at all")
            try await project.commit()
            try await project.git("remote", "add", "origin", "https://someone:a-password@example.com/x.git")
            try project.write("secret", to: "debug.log")
            try project.write("secret", to: "build/out")
            try project.write("not committed", to: "fresh.txt")
            let script = Say.steps(
                Say.bash("find . -path ./.git -prune -o ! -name . -printf '%y %m %p %l\\n' | sort"),
                Say.bash(
                    "./tool.sh; git status --porcelain; git log --oneline | wc -l; cat .git/config; ls .git/hooks 2>&1"
                ),
                Say.text("Done.")
            )
            let report = try await martlet.run(script, ["--dir", project.path, "Go"]).ended(.valid)
            let text = try transcript(report)
            for part in [
                "f 755 ./tool.sh", "l 777 ./short tool.sh", "l 777 ./broken /nowhere/at all",
                "f 644 ./a b/é 'quoted'.txt",
                "f 644 ./fresh.txt", "ran", "?? fresh.txt",
            ] { #expect(text.contains(part), "\(part)") }
            for part in ["debug.log", "build/out", "a-password"] { #expect(!text.contains(part), "\(part)") }
            #expect(report.diff == nil)

            let all = try await martlet.run(script, ["--dir", project.path, "--all-files", "Go"]).ended(.valid)
            let everything = try transcript(all)
            #expect(everything.contains("./debug.log") && everything.contains("./build/out"))
            #expect(!everything.contains("a-password"))
        }

        @Test func `comes out as a patch that fits, and as artifacts`() async throws {
            let martlet = try shared()
            let project = try Project("\(martlet.root)/work/changed")
            try project.write("one\ntwo\n", to: "edited.txt")
            try project.write("gone\n", to: "deleted.txt")
            try project.write("#!/bin/sh\n", to: "mode.sh")
            try project.write([0xE9, 0x0A], to: "latin.txt")
            try project.write([0, 1, 2], to: "binary.bin")
            try await project.commit()
            let change = """
                sed -i s/two/zwei/ edited.txt; rm deleted.txt; chmod +x mode.sh; printf '\\351\\350\\n' > latin.txt
                printf '\\000\\377\\001' > binary.bin; mkdir -p new/deep; echo new > 'new/deep/a file.txt'; ln -s mode.sh link
                """
            let output = "\(martlet.root)/work/out"
            try Files.makeDirectory(output)
            let run = try await martlet.run(
                Say.steps(Say.bash(change), Say.text("Done.")),
                [
                    "--dir", project.path, "--diff", "\(output)/fix.patch", "--artifact", "new/deep/a file.txt",
                    "--artifact",
                    "binary.bin", "--artifact", "missing.txt", "--artifacts-dir", "\(output)/artifacts", "Go",
                ]
            )
            let report = try run.ended(.valid)
            #expect(report.artifacts.map { $0.error == nil } == [true, true, false])
            #expect(try Files.read("\(output)/artifacts/new/deep/a file.txt") == Array("new\n".utf8))
            #expect(try Files.read("\(output)/artifacts/binary.bin") == [0, 0xFF, 1])

            // The patch makes the same of the host's directory.
            try await project.git("apply", "\(output)/fix.patch")
            #expect(try Files.read("\(project.path)/edited.txt") == Array("one\nzwei\n".utf8))
            #expect(!Files.exists("\(project.path)/deleted.txt"))
            #expect(access("\(project.path)/mode.sh", X_OK) == 0)
            #expect(try Files.read("\(project.path)/latin.txt") == [0xE9, 0xE8, 0x0A])
            #expect(try Files.read("\(project.path)/binary.bin") == [0, 0xFF, 1])
            #expect(try Files.read("\(project.path)/new/deep/a file.txt") == Array("new\n".utf8))
            #expect(Files.linkTarget("\(project.path)/link") == "mode.sh")
        }

        @Test func `may be a repository that the host's git clones, without its credentials`() async throws {
            let martlet = try shared()
            let source = try Project("\(martlet.root)/work/source")
            try source.write("main\n", to: "file.txt")
            try await source.commit()
            try await source.git("checkout", "-q", "-b", "other")
            try source.write("other\n", to: "file.txt")
            try await source.git("-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qam", "Other")
            let bare = "\(martlet.root)/work/bare.git"
            try await Program("git", ["clone", "-q", "--bare", source.path, bare]).succeed()
            // What the person's own git is told for every repository stays with the person.
            try Files.write(
                "[http]\n\textraHeader = Authorization: Bearer a-password\n".utf8,
                to: "\(martlet.root)/work/.gitconfig"
            )
            defer { try? Files.remove("\(martlet.root)/work/.gitconfig") }
            let run = try await martlet.run(
                Say.steps(
                    Say.bash(
                        "cat file.txt; git log --oneline | cat; git config --list | cat; grep -rs a-passw.rd . ~ | wc -l"
                    ),
                    Say.bash("echo fixed > file.txt"),
                    Say.text("Done.")
                ),
                ["--repo", "file://\(bare)", "--ref", "other", "Fix it"]
            )
            let report = try run.ended(.valid)
            let text = try transcript(report)
            #expect(text.contains("other"))
            #expect(!text.contains("a-password") && !text.contains(bare))
            #expect(report.diff?.contains("+fixed") == true)

            let missing = try await martlet.run(Say.steps(Say.text("x")), ["--repo", "file:///nowhere.git", "Go"])
            missing.wasRefused("/nowhere.git", status: 1)
        }

        private func transcript(_ report: RunReport) throws -> String {
            let file = try #require(report.transcript)
            // Texts as they are, not as JSON writes them.
            return try Files.read(file).split(separator: 0x0A).map { try JSONValue(parsing: $0) }
                .compactMap { $0["message"]?["content"]?.array }.joined()
                .compactMap { $0["content"]?.string ?? $0["content"]?[0]?["text"]?.string }.joined(separator: "\n")
        }
    }
}
