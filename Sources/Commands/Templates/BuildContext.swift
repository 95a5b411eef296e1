import Dockerfiles
import Glibc
import Linux
import RPC
import Wire

/// The directory that a Dockerfile's `COPY`s copy from, and the way of its files to the daemon.
struct BuildContext: Sendable {
    /// Absolute.
    let directory: String
    /// What is not sent, whatever names it.
    let ignored: IgnoredFiles
    let client: CallClient

    /// - Parameter dockerfile: its own list, `DOCKERFILE.dockerignore`, comes before that of the directory.
    init(directory: String, dockerfile: String, client: CallClient) throws {
        self.directory = directory
        self.client = client
        let lists = ["\(dockerfile).dockerignore", "\(directory)/.dockerignore"]
        guard let list = lists.first(where: { Files.exists($0) }) else {
            ignored = IgnoredFiles(parsing: "")
            return
        }
        do {
            ignored = IgnoredFiles(parsing: String(decoding: try Files.read(list), as: UTF8.self))
        } catch {
            throw CommandsError(.unusableInput, "'\(list)' can not be read", cause: error)
        }
    }

    /// Sends what a `COPY` names, unless the daemon has it, and gives the hash that stands for it.
    ///
    /// - Parameter line: the instruction's, for errors.
    func upload(_ source: String, line: Int) async throws -> String {
        let names = try names(source)
        guard !names.isEmpty else {
            throw CommandsError(.unusableInput, "line \(line): there is no '\(source)' in '\(directory)'")
        }
        if ignored.isEmpty { return try await upload(names, in: directory) }
        let kept = names.flatMap { self.kept(below: $0) }
        guard !kept.isEmpty else {
            throw CommandsError(
                .unusableInput,
                "line \(line): of '\(source)' in '\(directory)' there is nothing that its .dockerignore does not leave out"
            )
        }
        return try await upload(kept, in: directory, isWhole: true)
    }

    /// The same for a text that is in the Dockerfile itself.
    func upload(text: String, name: String) async throws -> String {
        let place = "\(Program.variable("TMPDIR") ?? "/tmp")/martlet-copy-\(Random.name(10))"
        try Files.makeDirectory(place)
        defer { try? Files.remove(place) }
        try Files.write(text.utf8, to: "\(place)/\(name)", mode: 0o644)
        return try await upload([name], in: place)
    }

    /// What stays of a file or a directory, each name for itself.
    private func kept(below name: String) -> [String] {
        let path = name == "." ? "" : name
        let isOut = !path.isEmpty && ignored.contains(path)
        if isOut, !ignored.hasExceptions { return [] }
        var below: [String] = []
        if Files.isDirectory("\(directory)/\(name)"), !Self.isLink("\(directory)/\(name)") {
            for entry in Files.list("\(directory)/\(name)").sorted() {
                below += kept(below: path.isEmpty ? entry : "\(path)/\(entry)")
            }
        }
        return isOut && below.isEmpty ? [] : [name] + below
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// - Parameter isWhole: whether `names` are all there is, and directories among them are sent without what is in them.
    private func upload(_ names: [String], in directory: String, isWhole: Bool = false) async throws -> String {
        let list = "\(Program.variable("TMPDIR") ?? "/tmp")/martlet-names-\(Random.name(10))"
        try Files.write(names.flatMap { Array($0.utf8) + [0] }, to: list)
        defer { try? Files.remove(list) }
        let chosen = ["--null", isWhole ? "--no-recursion" : "--recursion", "--files-from=\(list)"]
        let hash = try await Self.hash(chosen, in: directory)
        if try await client.call(FindTemplateFiles.self, .init(hash: hash)).isPresent { return hash }
        let program = try Program("tar", [])
        let tar = try PipedChild(
            path: program.path,
            arguments: ["tar", "--create", "--gzip", "--format=gnu", "--sort=name", "--file=-"] + chosen,
            environment: program.environment,
            directory: directory
        )
        tar.input.close()
        defer { tar.kill() }
        let words = Task { await Self.words(tar.errors) }
        try await client.upload(UploadTemplateFiles.self, .init(hash: hash)) {
            let bytes = try await tar.output.read()
            if !bytes.isEmpty { return bytes }
            let status = try await tar.child.exit.value()
            // 1: a file changed while it was read, as logs do.
            if status == .exited(0) || status == .exited(1) { return [] }
            throw CommandsError(.toolFailed, "The files in '\(directory)' could not be read: \(await words.value)")
        } _: { events in
            while try await events.next() != nil {}
        }
        return hash
    }

    private static func words(_ errors: Channel) async -> String {
        var all: [UInt8] = []
        while let bytes = try? await errors.read(), !bytes.isEmpty {
            if all.count < 4096 { all += bytes }
        }
        return TerminalText.line(String(decoding: all, as: UTF8.self))
    }

    /// Of names, modes and contents, and not of times and owners: the same files have the same hash in every checkout.
    private static func hash(_ chosen: [String], in directory: String) async throws -> String {
        let script = """
            tar --create --format=gnu --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --file=- "$@" | sha256sum
            """
        let output = try await Program("/bin/sh", ["-c", script, "sh"] + chosen, directory: directory).run()
        guard output.status.isSuccess, output.text.count > 64, output.errorText.isEmpty else {
            let words = TerminalText.line(String(output.errorText.prefix(400)))
            throw CommandsError(.toolFailed, "The files in '\(directory)' could not be read: \(words)")
        }
        return String(output.text.prefix(64))
    }

    /// What a pattern names in the directory.
    private func names(_ pattern: String) throws -> [String] {
        let plain = pattern.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        if plain.isEmpty { return ["."] }
        if Files.exists("\(directory)/\(plain)") { return [plain] }
        // The directory's own name is no pattern.
        let escaped = directory.map { "*?[]\\".contains($0) ? "\\\($0)" : "\($0)" }.joined()
        var found = glob_t()
        defer { globfree(&found) }
        guard glob("\(escaped)/\(plain)", 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { index in
            found.gl_pathv[index].map { String(String(cString: $0).dropFirst(directory.utf8.count + 1)) }
        }
    }
}

extension TemplateSpec {
    /// Makes of a Dockerfile what the daemon builds, and sends the files that it names.
    ///
    /// As E2B's clients do it: what is built begins as root in `/`, and a sandbox of it as `user` at home unless the file says
    /// otherwise.
    init(_ file: Dockerfile, from context: BuildContext) async throws {
        self.init(fromImage: file.base)
        var steps = [TemplateStep("USER", ["root"]), TemplateStep("WORKDIR", ["/"])]
        var (hasUser, hasDirectory) = (false, false)
        for step in file.steps {
            switch step.action {
            case .run(let command): steps.append(TemplateStep("RUN", [command]))
            case .copy(let source, let destination, let owner, let mode):
                let hash = try await context.upload(source, line: step.line)
                steps.append(TemplateStep("COPY", [source, destination, owner ?? "", mode ?? ""], filesHash: hash))
            case .write(let name, let text, let destination, let owner, let mode):
                let hash = try await context.upload(text: text, name: name)
                steps.append(TemplateStep("COPY", [name, destination, owner ?? "", mode ?? ""], filesHash: hash))
            case .environment(let variables):
                steps.append(TemplateStep("ENV", variables.flatMap { [$0.name, $0.value] }))
            case .directory(let path):
                hasDirectory = true
                steps.append(TemplateStep("WORKDIR", [path]))
            case .user(let name):
                hasUser = true
                steps.append(TemplateStep("USER", [name]))
            }
        }
        if !hasUser { steps.append(TemplateStep("USER", ["user"])) }
        if !hasDirectory { steps.append(TemplateStep("WORKDIR", ["/home/user"])) }
        self.steps = steps
        startCmd = file.start
    }
}
