import Linux
import Synchronization

/// The host's tar at work on a list of names.
final class TarArchive: Sendable {
    private let directory: String
    private let list: [UInt8]
    private let tar: PipedChild
    /// What tar said, once it has said all.
    private let said = Latch<String>()

    init(_ copy: WorkingCopy) throws {
        directory = copy.directory
        list = Array(copy.names.joined(separator: [0])) + (copy.names.isEmpty ? [] : [0])
        let program = try Program(
            "tar",
            [
                "--create", "--file=-", "--format=gnu", "--owner=root:0", "--group=root:0", "--numeric-owner",
                "--no-recursion", "--null", "--verbatim-files-from", "--files-from=-",
            ]
        )
        tar = try PipedChild(
            path: program.path,
            arguments: ["tar"] + program.arguments,
            environment: program.environment,
            directory: directory
        )
    }

    /// Tells tar which files to take.
    func feed() async throws {
        defer { tar.input.close() }
        try await tar.input.write(list)
    }

    /// Collects what tar says; the rest is read and dropped, so that tar never waits.
    func listen() async {
        var words: [UInt8] = []
        while let bytes = try? await tar.errors.read(), !bytes.isEmpty {
            if words.count < 4096 { words += bytes }
        }
        said.set(String(decoding: words, as: UTF8.self))
    }

    /// The next bytes; empty at the end of a whole archive.
    ///
    /// - Throws: ``CommandsError`` when tar failed, so that what was read is no whole archive.
    func next() async throws -> [UInt8] {
        let bytes = try await tar.output.read()
        if !bytes.isEmpty { return bytes }
        let status = try await tar.child.exit.value()
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
        tar.child.send(9)
        for channel in [tar.input, tar.output, tar.errors] { channel.close() }
    }
}
