import Glibc
import Linux

@testable import Commands

/// A directory for one test, removed at its end.
final class Place {
    let path: String

    init() throws {
        path = "/tmp/martlet-commands-\(Random.name(12))"
        try Files.makeDirectory(path)
    }

    deinit {
        FileNames.remove(Array(path.utf8))
    }

    func write(_ text: String, to name: String, mode: mode_t = 0o644) throws {
        let file = "\(path)/\(name)"
        if let cut = file.lastIndex(of: "/") { try Files.makeDirectory(String(file[..<cut]), mode: 0o755) }
        try Files.write(text.utf8, to: file, mode: mode)
        chmod(file, mode)
    }

    func read(_ name: String) throws -> String {
        String(decoding: try Files.read("\(path)/\(name)"), as: UTF8.self)
    }

    /// Runs git here, as somebody with a name.
    func git(_ arguments: String...) async throws {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"]
        let output = try await Program("git", identity + arguments, directory: path).run()
        guard output.status.isSuccess else { throw Failed(what: "git \(arguments): \(output.errorText)") }
    }
}

struct Failed: Error {
    let what: String
}
