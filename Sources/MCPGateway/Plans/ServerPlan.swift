import Linux
import Wire

/// How one server is started or reached, and what of it may be used.
package struct ServerPlan: Sendable, Hashable {
    package enum Way: Sendable, Hashable {
        case program([String], environment: [String: String], directory: String?)
        case http(url: String, headers: [String: String])
    }

    /// As the configuration calls it.
    package let name: String
    package internal(set) var way: Way
    /// The only tools that may be seen and called, by the server's own names; nil allows all.
    var tools: Set<String>?
    /// How long it may take to start, and to answer.
    var startTime = Duration.seconds(50)
    var answerTime = Duration.seconds(300)
    /// What has to be done once before it can start; nil when there is nothing.
    package internal(set) var installation: Installation?

    /// What stands before the names of its tools and prompts: letters, digits, `-` and `_`.
    var prefix: String {
        String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") ? $0 : "_" })
    }

    /// Opens the way to it.
    func open() throws -> any ServerLine {
        switch way {
        case .program(let command, let environment, let directory):
            // Nothing of the gateway's own environment, which has its token.
            let environment = Program.plainEnvironment().merging(environment) { _, own in own }
            return try ProcessLine(command: command, environment: environment, directory: directory)
        case .http(let url, let headers):
            return try HTTPLine(url: url, headers: headers)
        }
    }
}

/// How a server gets onto this machine: commands that are run one after the other, by root, in `directory`.
package struct Installation: Sendable, Hashable {
    let directory: String
    let steps: [[String]]

    /// Written when all of it was done.
    var mark: String { "\(directory)/.installed" }
    var isDone: Bool { Files.exists(mark) }

    /// - Throws: ``ServerFailure`` with the last words of the step that failed.
    func run(_ name: String) async throws {
        if isDone { return }
        // What an earlier attempt left is no beginning: git, for one, refuses a directory that is there.
        try? Files.remove(directory)
        try Files.makeDirectory(directory, mode: 0o755)
        for step in steps {
            guard let tool = step.first, Program.find(tool) != nil else {
                throw ServerFailure("The server '\(name)' needs '\(step.first ?? "")', which is not installed here")
            }
            let output = try await Program(tool, Array(step.dropFirst()), directory: directory).run()
            guard output.status.isSuccess else {
                let words = (output.errorText + output.text).split(whereSeparator: \.isNewline).suffix(3)
                throw ServerFailure(
                    "The server '\(name)' could not be installed: '\(tool)' ended with status \(output.status.shellStatus) "
                        + "and said: \(words.joined(separator: " | "))"
                )
            }
        }
        try Files.write([], to: mark)
    }
}
