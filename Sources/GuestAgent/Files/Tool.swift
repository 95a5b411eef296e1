import Glibc
import HTTP
import Linux

/// A program of the guest that the agent lets do its work, with pipes to all three ends.
struct Tool: Sendable {
    let child: ChildProcess
    let input: Channel
    let output: Channel
    let error: Channel

    /// Starts a program with the rights of a user. Blocks.
    static func start(
        _ name: String,
        _ arguments: [String],
        for place: Place,
        switchesUser: Bool
    ) throws -> Tool {
        let input = try Descriptor.pipe()
        let output = try Descriptor.pipe()
        let error = try Descriptor.pipe()
        guard let program = Program.find(name, path: "/bin:/usr/bin") else {
            throw HTTPError(501, "There is no '\(name)' in this guest")
        }
        var spawn = Spawn(
            path: program,
            arguments: [name] + arguments,
            // What it says is read, so it must be in one language.
            environment: ["PATH": "/usr/bin:/bin", "HOME": place.account.home, "LC_ALL": "C"],
            input: input.reading,
            output: output.writing,
            error: error.writing
        )
        spawn.directory = "/"
        spawn.startsSession = true
        if switchesUser {
            let account = place.account
            spawn.user = Spawn.User(uid: account.uid, gid: account.gid, groups: account.groups)
        }
        let child = try ChildProcess.start(spawn)
        for end in [input.reading, output.writing, error.writing] { end.close() }
        return Tool(
            child: child,
            input: try Channel(input.writing),
            output: try Channel(output.reading),
            error: try Channel(error.reading)
        )
    }

    /// Gives it a body to read, up to its end; one that stops reading says why in other ways.
    func feed(_ body: BodyReader) async throws {
        defer { input.close() }
        while true {
            let bytes = try await body.read()
            if bytes.isEmpty { return }
            do {
                try await input.write(bytes)
            } catch is LinuxError {
                return
            }
        }
    }

    /// Its first words on standard error; the rest is read and dropped, so that it never waits.
    func words() async -> String {
        var words: [UInt8] = []
        while let bytes = try? await error.read(), !bytes.isEmpty {
            if words.count < 4096 { words += bytes }
        }
        return String(decoding: words, as: UTF8.self)
    }

    /// Ends it if it has not ended.
    func stop() {
        child.send(SIGKILL)
        for channel in [input, output, error] { channel.close() }
    }
}
