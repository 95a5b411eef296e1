#if os(Linux)
    import FoundationEssentials
    import Glibc
    import Linux

    /// Runs Claude Code as a process on this machine.
    public struct LocalTransport: AgentTransport {
        /// The program's path; nil looks for `claude` in `PATH` and where its installers put it.
        public var executable: String?
        /// Whether the program gets this program's variables. Without them, give at least `PATH` and `HOME`.
        public var inheritsEnvironment = true

        public init(executable: String? = nil, inheritsEnvironment: Bool = true) {
            self.executable = executable
            self.inheritsEnvironment = inheritsEnvironment
        }

        public func start(_ launch: AgentLaunch) async throws -> any AgentProcess {
            let path = try findExecutable()
            var environment = inheritsEnvironment ? ProcessInfo.processInfo.environment : [:]
            for name in launch.removedVariables { environment[name] = nil }
            environment.merge(launch.environment) { _, given in given }
            let files = TemporaryFiles()
            do {
                var arguments = [path]
                for argument in launch.arguments {
                    switch argument {
                    case .text(let text): arguments.append(text)
                    case .file(let prefix, let contents): arguments.append(prefix + (try files.add(contents)))
                    }
                }
                return try LocalProcess(
                    path: path,
                    arguments: arguments,
                    environment: environment,
                    directory: launch.workingDirectory,
                    files: files
                )
            } catch {
                files.remove()
                throw AgentError(.launchFailed, "Claude Code could not be started", cause: error)
            }
        }

        private func findExecutable() throws -> String {
            if let executable {
                if let path = Program.find(executable) { return path }
                throw AgentError(.programNotFound, "There is no program '\(executable)'")
            }
            let home = Program.variable("HOME") ?? "/root"
            let places = ["\(home)/.local/bin/claude", "\(home)/.claude/local/claude", "/usr/local/bin/claude"]
            for place in ["claude"] + places {
                if let path = Program.find(place) { return path }
            }
            throw AgentError(
                .programNotFound,
                "Claude Code is not installed here; install it, or give the path of its program to LocalTransport"
            )
        }
    }

    extension AgentOptions {
        /// Where the program is to run.
        func place() -> any AgentTransport { transport ?? LocalTransport() }
    }

    /// The files of one launch, in a folder that only this user can read.
    private final class TemporaryFiles: Sendable {
        private let folder = "\(FileManager.default.temporaryDirectory.path)/claude-agent-\(Random.hex(8))"

        func add(_ contents: [UInt8]) throws -> String {
            try Files.makeDirectory(folder)
            let path = "\(folder)/\(Random.hex(4))"
            try Files.write(contents, to: path)
            return path
        }

        func remove() {
            if Files.exists(folder) { try? Files.remove(folder) }
        }
    }

    /// A child of this process.
    private final class LocalProcess: AgentProcess {
        private let program: PipedChild
        private let files: TemporaryFiles

        init(
            path: String,
            arguments: [String],
            environment: [String: String],
            directory: String?,
            files: TemporaryFiles
        ) throws {
            program = try PipedChild(
                path: path,
                arguments: arguments,
                environment: environment,
                directory: directory,
                // Some room for the moments in which this program does not get to read.
                outputCapacity: 1024 * 1024
            )
            self.files = files
        }

        /// The pipe has room for moments, not for a reader that stalls.
        var keepsOutput: Bool { false }

        func readOutput() async throws -> [UInt8] { try await program.output.read() }
        func readErrors() async throws -> [UInt8] { try await program.errors.read() }
        func write(_ bytes: [UInt8]) async throws { try await program.input.write(bytes) }
        func closeInput() async throws { program.input.close() }

        func send(_ signal: AgentSignal) async {
            switch signal {
            case .interrupt: program.child.send(SIGINT)
            case .terminate: program.child.send(SIGTERM)
            case .kill: program.kill()
            }
        }

        func exit() async throws -> AgentExit {
            switch try await program.child.exit.value() {
            case .exited(let status): .exited(status)
            case .signalled(let signal): .signalled(signal)
            }
        }

        func release() async { releaseNow() }

        private func releaseNow() {
            program.kill()
            for channel in [program.input, program.output, program.errors] { channel.close() }
            files.remove()
        }

        deinit {
            releaseNow()
        }
    }
#else
    extension AgentOptions {
        /// Where the program is to run.
        func place() throws(AgentError) -> any AgentTransport {
            if let transport { return transport }
            throw AgentError(.badOptions, "On this system there is no transport of its own; give one in 'transport'")
        }
    }
#endif
