// Dockerfiles: from text to steps, without running anything.
//
//     text ──► DockerfileLines ──► Instruction lines ──► DockerfileParser ──► Dockerfile
//              continuations, comments, here-documents     words, variables, JSON
//
// Every error has the line where the instruction begins. What is understood and does nothing here, such as EXPOSE, is told; what
// would change what is built and is not supported, such as a second FROM, is refused.

/// What a Dockerfile says.
package struct Dockerfile: Sendable, Hashable {
    /// A step, and the line it begins on.
    package struct Step: Sendable, Hashable {
        package enum Action: Sendable, Hashable {
            case run(String)
            /// Files of the context.
            case copy(source: String, destination: String, owner: String?, mode: String?)
            /// A file whose text is in the Dockerfile.
            case write(name: String, text: String, destination: String, owner: String?, mode: String?)
            case environment([Variable])
            case directory(String)
            case user(String)
        }

        package var line: Int
        package var action: Action
    }

    package struct Variable: Sendable, Hashable {
        package var name: String
        package var value: String
    }

    package var base: String
    package var steps: [Step] = []
    /// What `ENTRYPOINT` and `CMD` make together, for a shell.
    package var start: String?
    /// What was passed over, with its line.
    package var notes: [String] = []

    /// - Parameter arguments: values for `ARG`s, by name.
    package init(parsing text: String, arguments: [String: String] = [:]) throws(DockerfileError) {
        var parser = DockerfileParser(arguments: arguments)
        for line in try DockerfileLines.split(text) { try parser.take(line) }
        self = try parser.finish()
    }

    init(base: String) { self.base = base }
}

/// A Dockerfile that can not be used.
package struct DockerfileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where the instruction begins; from 1.
    package let line: Int
    package let message: String

    package var description: String { "line \(line): \(message)" }
}
