import Linux
import Synchronization

/// The host's tar at work on a list of names.
final class TarArchive: Sendable {
    private let directory: String
    private let list: [UInt8]
    private let child: ChildProcess
    private let input: Channel
    private let output: Channel
    private let errors: Channel
    /// What tar said, once it has said all.
    private let said = Latch<String>()

    init(_ copy: WorkingCopy) throws {
        directory = copy.directory
        list = Array(copy.names.joined(separator: [0])) + (copy.names.isEmpty ? [] : [0])
        let tar = try Program(
            "tar",
            [
                "--create", "--file=-", "--format=gnu", "--owner=root:0", "--group=root:0", "--numeric-owner",
                "--no-recursion", "--null", "--verbatim-files-from", "--files-from=-",
            ]
        )
        let stdin = try Descriptor.pipe()
        let stdout = try Descriptor.pipe()
        let stderr = try Descriptor.pipe()
        var spawn = Spawn(
            path: tar.path,
            arguments: ["tar"] + tar.arguments,
            environment: tar.environment,
            input: stdin.reading,
            output: stdout.writing,
            error: stderr.writing
        )
        spawn.directory = directory
        spawn.startsSession = true
        child = try ChildProcess.start(spawn)
        for used in [stdin.reading, stdout.writing, stderr.writing] { used.close() }
        input = try Channel(stdin.writing)
        output = try Channel(stdout.reading)
        errors = try Channel(stderr.reading)
    }

    /// Tells tar which files to take.
    func feed() async throws {
        defer { input.close() }
        try await input.write(list)
    }

    /// Collects what tar says; the rest is read and dropped, so that tar never waits.
    func listen() async {
        var words: [UInt8] = []
        while let bytes = try? await errors.read(), !bytes.isEmpty {
            if words.count < 4096 { words += bytes }
        }
        said.set(String(decoding: words, as: UTF8.self))
    }

    /// The next bytes; empty at the end of a whole archive.
    ///
    /// - Throws: ``CommandsError`` when tar failed, so that what was read is no whole archive.
    func next() async throws -> [UInt8] {
        let bytes = try await output.read()
        if !bytes.isEmpty { return bytes }
        let status = try await child.exit.value()
        // 1: a file changed while it was read, as logs do.
        if status == .exited(0) || status == .exited(1) { return [] }
        let words = try await said.value().split(separator: "\n").first.map { TerminalText.line(String($0)) }
        throw CommandsError(
            .toolFailed,
            "The files of '\(directory)' could not be read: \(words ?? "tar ended with status \(status.shellStatus)")"
        )
    }

    /// Ends tar, if it still runs.
    func end() {
        child.send(9)
        for channel in [input, output, errors] { channel.close() }
    }
}
