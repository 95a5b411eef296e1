import Glibc
import HTTP
import Linux

/// A program of the guest that the agent lets do its work, with pipes to all three ends.
struct Tool: Sendable {
    private let program: PipedChild

    var child: ChildProcess { program.child }
    var input: Channel { program.input }
    var output: Channel { program.output }

    /// Starts a program with the rights of a user. Blocks.
    static func start(
        _ name: String,
        _ arguments: [String],
        for place: Place,
        switchesUser: Bool
    ) throws -> Tool {
        guard let program = Program.find(name, path: "/bin:/usr/bin") else {
            throw HTTPError(501, "There is no '\(name)' in this guest")
        }
        let account = place.account
        return Tool(
            program: try PipedChild(
                path: program,
                arguments: [name] + arguments,
                // What it says is read, so it must be in one language.
                environment: ["PATH": "/usr/bin:/bin", "HOME": account.home, "LC_ALL": "C"],
                directory: "/",
                user: switchesUser ? Spawn.User(uid: account.uid, gid: account.gid, groups: account.groups) : nil
            )
        )
    }

    /// Gives it a body to read, up to its end; one that stops reading says why in other ways.
    func feed(_ body: BodyReader) async throws {
        defer { program.input.close() }
        while true {
            let bytes = try await body.read()
            if bytes.isEmpty { return }
            do {
                try await program.input.write(bytes)
            } catch is LinuxError {
                return
            }
        }
    }

    /// Its first words on standard error; the rest is read and dropped, so that it never waits.
    func words() async -> String {
        var words: [UInt8] = []
        while let bytes = try? await program.errors.read(), !bytes.isEmpty {
            if words.count < 4096 { words += bytes }
        }
        return String(decoding: words, as: UTF8.self)
    }

    /// Ends it if it has not ended.
    func stop() {
        child.send(SIGKILL)
        for channel in [program.input, program.output, program.errors] { channel.close() }
    }
}
