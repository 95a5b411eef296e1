import Foundation

/// A folder with a completion script and some files, and a real shell run in it.
struct ShellSession {
    let folder: URL

    /// The path of an installed program.
    static func find(_ program: String) -> String? {
        ["/usr/bin", "/bin", "/usr/local/bin"].map { "\($0)/\(program)" }.first(
            where: FileManager.default.isExecutableFile
        )
    }

    /// Makes the folder, hands it over, and removes it.
    static func with<Result>(_ files: [String: String], _ body: (ShellSession) async throws -> Result) async throws
        -> Result
    {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "arguments-\(UInt64.random(in: 0 ... .max))"
        )
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files {
            let file = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        return try await body(ShellSession(folder: folder))
    }

    /// Runs a program to its end and returns what it wrote, both streams together.
    func output(_ program: String, _ arguments: [String]) async throws -> String {
        let transcript = folder.appendingPathComponent(".transcript-\(UInt64.random(in: 0 ... .max))")
        guard FileManager.default.createFile(atPath: transcript.path, contents: nil) else {
            throw CocoaError(.fileWriteUnknown)
        }
        let handle = try FileHandle(forWritingTo: transcript)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.environment = ["PATH": "/usr/bin:/bin", "HOME": folder.path, "TERM": "dumb", "LC_ALL": "C.UTF-8"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = handle
        process.standardError = handle
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return String(decoding: try Data(contentsOf: transcript), as: UTF8.self)
    }
}
