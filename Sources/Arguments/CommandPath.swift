/// A command with the commands above it: `martlet`, `template`, `build`.
package struct CommandPath: Sendable {
    private let root: Command
    private var below: [Command] = []

    package init(root: Command) {
        self.root = root
    }

    /// The command that the path ends at.
    package var command: Command { below.last ?? root }

    package var names: [String] { commands.map(\.name) }

    /// The names as one types them: `martlet template build`.
    package var text: String { names.joined(separator: " ") }

    package func appending(_ command: Command) -> CommandPath {
        var path = self
        path.below.append(command)
        return path
    }
}

extension CommandPath {
    var isRoot: Bool { below.isEmpty }

    /// The global options of the commands above, the nearest first.
    var inheritedOptions: [Option] {
        commands.dropLast().reversed().flatMap { $0.options.filter(\.isGlobal) }
    }

    /// Every option that the command accepts, its own first, without those that every command has.
    var options: [Option] { command.options + inheritedOptions }

    /// Every option that is shown, with those that every command has.
    var shownOptions: [Option] {
        options.filter { !$0.isHidden } + standardOptions
    }

    var standardOptions: [Option] {
        isRoot ? [.help, .version] : [.help]
    }

    /// The path of every command that is not hidden, from this one down, parents first.
    var tree: [CommandPath] {
        [self] + command.visibleSubcommands.flatMap { appending($0).tree }
    }

    func option(spelled spelling: String) -> Option? {
        (options + [.help, .version]).first { $0.spellings.contains(spelling) }
    }

    private var commands: [Command] { [root] + below }
}
