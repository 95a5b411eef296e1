/// The arguments of Claude Code, with those that name files of this machine told from the rest. A value without I/O.
struct ClaudeLine: Sendable, Hashable {
    /// A file that has to be where Claude Code is.
    struct File: Sendable, Hashable {
        /// The argument that names it.
        let index: Int
        /// What stands before the name in that argument.
        let prefix: String
        let path: String
    }

    private static let fileOptions: Set<String> = [
        "--mcp-config", "--settings", "--system-prompt-file", "--append-system-prompt-file",
    ]

    let arguments: [String]

    /// Whether it only asks for the version, which programs do before each start.
    var asksForVersion: Bool { arguments == ["-v"] || arguments == ["--version"] }

    /// The arguments that name a file, as `isFile` finds; most of these may be JSON as well.
    func files(_ isFile: (String) -> Bool) -> [File] {
        var files: [File] = []
        var isValue = false
        for (index, word) in arguments.enumerated() {
            if word == "--" { break }
            if word.hasPrefix("--") {
                let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                isValue = Self.fileOptions.contains(parts[0])
                if isValue, parts.count == 2, isFile(parts[1]) {
                    files.append(File(index: index, prefix: "\(parts[0])=", path: parts[1]))
                }
            } else if isValue, isFile(word) {
                // '--mcp-config' takes any number of them.
                files.append(File(index: index, prefix: "", path: word))
            }
        }
        return files
    }

    /// With other places for files.
    func replacing(_ places: [(File, place: String)]) -> [String] {
        var arguments = arguments
        for (file, place) in places { arguments[file.index] = file.prefix + place }
        return arguments
    }
}
