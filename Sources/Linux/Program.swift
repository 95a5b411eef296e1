import Glibc

/// A tool of the host, run to its end.
package struct Program: Sendable {
    /// What a program wrote and how it ended.
    package struct Output: Sendable {
        package let status: ExitStatus
        package let output: [UInt8]
        package let error: [UInt8]

        package var text: String { String(decoding: output, as: UTF8.self) }
        package var errorText: String { String(decoding: error, as: UTF8.self) }
    }

    package var path: String
    package var arguments: [String]
    package var environment: [String: String]
    package var directory: String?
    package var input: [UInt8] = []

    /// - Parameter name: a path, or a name to look for in `PATH` and the administrator's directories.
    package init(_ name: String, _ arguments: [String], directory: String? = nil, input: [UInt8] = [])
        throws(LinuxError)
    {
        guard let path = Self.find(name) else {
            throw LinuxError(.notFound, "The program '\(name)' is not installed; 'martlet doctor' says what is missing")
        }
        self.path = path
        self.arguments = arguments
        self.directory = directory
        self.input = input
        environment = Self.plainEnvironment()
    }

    /// Looks for an executable.
    package static func find(_ name: String, path: String? = nil) -> String? {
        if name.contains("/") { return isExecutable(name) ? name : nil }
        let search = path ?? "\(variable("PATH") ?? "/usr/bin:/bin"):/usr/sbin:/sbin"
        for directory in search.split(separator: ":") where isExecutable("\(directory)/\(name)") {
            return "\(directory)/\(name)"
        }
        return nil
    }

    /// Directories have the same right under another meaning.
    private static func isExecutable(_ path: String) -> Bool {
        access(path, X_OK) == 0 && !Files.isDirectory(path)
    }

    /// A variable of this process's environment.
    package static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// The few variables that a tool may inherit: what finds programs, homes, languages and the way out, and no secrets.
    package static func plainEnvironment() -> [String: String] {
        let names = [
            "PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "SSL_CERT_FILE", "http_proxy", "https_proxy",
            "no_proxy",
            "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_CERT", "PIP_INDEX_URL", "PIP_FIND_LINKS", "SSH_AUTH_SOCK",
        ]
        var environment = Dictionary(
            uniqueKeysWithValues: names.compactMap { name in variable(name).map { (name, $0) } }
        )
        environment["LC_ALL"] = "C.UTF-8"
        return environment
    }

    /// Runs the program and collects all it writes; it is killed when the task is cancelled.
    ///
    /// - Parameter line: called with each line of both streams as it comes.
    package func run(line: (@Sendable (String) -> Void)? = nil) async throws -> Output {
        let child = try PipedChild(
            path: path,
            arguments: [path] + arguments,
            environment: environment,
            directory: directory
        )
        return try await withTaskCancellationHandler {
            async let fed: Void = Self.feed(input, to: child.input)
            async let output = Self.collect(child.output, line: line)
            async let error = Self.collect(child.errors, line: line)
            let result = try await (output, error)
            await fed
            let status = try await child.child.exit.value()
            try Task.checkCancellation()
            return Output(status: status, output: result.0, error: result.1)
        } onCancel: {
            child.kill()
        }
    }

    /// A program may end without reading its input; that is its own affair.
    private static func feed(_ bytes: [UInt8], to channel: Channel) async {
        try? await channel.write(bytes)
        channel.close()
    }

    private static func collect(_ channel: Channel, line: (@Sendable (String) -> Void)?) async throws -> [UInt8] {
        var all: [UInt8] = []
        var lines = LineSplitter()
        while true {
            let bytes = try await channel.read()
            if bytes.isEmpty { break }
            all += bytes
            if let line { for text in lines.add(bytes) { line(String(decoding: text, as: UTF8.self)) } }
        }
        if let line, let rest = lines.finish() { line(String(decoding: rest, as: UTF8.self)) }
        return all
    }
}
