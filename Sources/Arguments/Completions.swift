/// A shell that completions can be written for.
package enum Shell: String, Sendable, CaseIterable {
    case bash
    case zsh
    case fish
}

/// A script that teaches `shell` to complete the command lines of `program`, whose tree is `root`.
///
/// The script is complete in itself: it knows commands, options, file names and fixed values, and calls nothing.
package func completions(for root: Command, shell: Shell, program: String) -> String {
    var root = root
    root.name = program
    let path = CommandPath(root: root)
    switch shell {
    case .bash: return BashCompletions(root: path).text
    case .zsh: return ZshCompletions(root: path).text
    case .fish: return FishCompletions(root: path).text
    }
}

extension CommandPath {
    /// The name of the path as part of a shell function's name: `_martlet_template_build`.
    var functionName: String {
        "_"
            + names.joined(separator: "_").map { $0.isASCII && ($0.isLetter || $0.isNumber) ? String($0) : "_" }
            .joined()
    }

    /// What may follow the path as a command: names, aliases, and `help`, each with its summary.
    var completedCommands: [(name: String, summary: String)] {
        let commands = command.visibleSubcommands
        if commands.isEmpty { return [] }
        return commands.flatMap { command in command.names.map { ($0, command.summary) } }
            + [("help", "Show the help of a command")]
    }
}

/// The text as one word of a POSIX-like shell (bash, zsh).
func singleQuoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
}
