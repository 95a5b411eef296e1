import FoundationEssentials
import Linux
import Terminals
import Wire

/// How a program in a sandbox ended, and what it wrote.
public struct CommandResult: Sendable, Hashable {
    public var outputBytes: [UInt8] = []
    public var errorBytes: [UInt8] = []
    /// 128 and the signal's number when a signal ended it.
    public var exitCode: Int32 = 0

    public init() {}

    public var output: String { String(decoding: outputBytes, as: UTF8.self) }
    public var errors: String { String(decoding: errorBytes, as: UTF8.self) }
    public var isSuccess: Bool { exitCode == 0 }
}

/// Programs of a sandbox.
public struct SandboxCommands: Sendable {
    let sandbox: Sandbox

    /// Runs a line for a shell to its end. A status that is not zero is a result, not an error.
    public func run(
        _ line: String,
        input: [UInt8]? = nil,
        environment: [String: String] = [:],
        directory: String? = nil,
        user: String? = nil
    ) async throws -> CommandResult {
        try await run(
            ["/bin/bash", "-l", "-c", line],
            input: input,
            environment: environment,
            directory: directory,
            user: user
        )
    }

    /// Runs a program with exactly these arguments to its end; the first is the program.
    public func run(
        _ words: [String],
        input: [UInt8]? = nil,
        environment: [String: String] = [:],
        directory: String? = nil,
        user: String? = nil
    ) async throws -> CommandResult {
        guard let program = words.first else { throw MartletError(.invalidRequest, "There is no program to run") }
        let request = ExecRequest.Open(
            id: "swift-\(Random.hex(16))",
            process: ProcessConfig(cmd: program, args: Array(words.dropFirst()), envs: environment, cwd: directory),
            stdin: input != nil,
            linger: 60
        )
        return try await Daemon.telling {
            try await RemoteProgram.with(sandbox.sockets, user: user, request) { program in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        if let input { try await program.write(input) }
                        program.endInput()
                    }
                    let result = try await Self.collect(program)
                    group.cancelAll()
                    return result
                }
            }
        }
    }

    private static func collect(_ program: RemoteProgram) async throws -> CommandResult {
        var result = CommandResult()
        while let event = try await program.next() {
            switch event {
            case .output(.stderr, let bytes): result.errorBytes += bytes
            case .output(_, let bytes): result.outputBytes += bytes
            case .exited(let end): result.exitCode = end.signal.map { 128 + $0 } ?? end.code ?? -1
            }
        }
        return result
    }
}
