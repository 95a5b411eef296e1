/// One word of the command line and everything it accepts: a node of the tree that parser, help and completions are made from.
///
/// A command either runs, or groups subcommands, or both (`martlet runs` lists, `martlet runs show ID` shows one). A command
/// with subcommands takes no arguments of its own, because a word could then mean two things; ``faults()`` checks that and
/// the other rules of a tree.
package struct Command: Sendable {
    /// What a command does once its line is understood.
    package typealias Run = @Sendable (Invocation) async throws -> ExitStatus

    /// A line to type, and what it does.
    package struct Example: Sendable {
        package var line: String
        package var effect: String

        package init(_ line: String, _ effect: String) {
            self.line = line
            self.effect = effect
        }
    }

    package var name: String
    /// Other words for the same command. Shown beside the name.
    package var aliases: [String]
    /// One line without a full stop, as it stands in the parent's list of commands.
    package var summary: String
    /// Paragraphs below the summary. A line that begins with a space is kept as it is; all others are wrapped.
    package var discussion: String
    package var examples: [Example]
    package var options: [Option]
    /// Sets of option names of which a line may give at most one.
    package var exclusive: [[String]]
    package var arguments: [Positional]
    package var subcommands: [Command]
    /// The heading under which the parent lists this command; `nil` is "Commands".
    package var group: String?
    /// Works, but is neither listed, nor completed, nor suggested.
    package var isHidden: Bool
    /// `nil` for a command that only groups others.
    package var run: Run?

    package init(
        _ name: String,
        aliases: [String] = [],
        summary: String,
        discussion: String = "",
        examples: [Example] = [],
        options: [Option] = [],
        exclusive: [[String]] = [],
        arguments: [Positional] = [],
        subcommands: [Command] = [],
        group: String? = nil,
        isHidden: Bool = false,
        run: Run? = nil
    ) {
        self.name = name
        self.aliases = aliases
        self.summary = summary
        self.discussion = discussion
        self.examples = examples
        self.options = options
        self.exclusive = exclusive
        self.arguments = arguments
        self.subcommands = subcommands
        self.group = group
        self.isHidden = isHidden
        self.run = run
    }
}

extension Command {
    var names: [String] { [name] + aliases }

    var visibleSubcommands: [Command] { subcommands.filter { !$0.isHidden } }

    /// Everything after its first argument belongs to another program, as in `martlet exec ID ls -la`.
    var passesThrough: Bool {
        arguments.contains {
            if case .passthrough = $0.kind { true } else { false }
        }
    }

    func subcommand(named name: String) -> Command? {
        subcommands.first { $0.names.contains(name) }
    }
}
