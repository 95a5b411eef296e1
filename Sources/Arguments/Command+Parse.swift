/// What a line asks for.
package enum Parsed: Sendable {
    /// Do this with that.
    case run(Command.Run, Invocation)
    /// Print ``CommandPath/help(width:isStyled:)``.
    case help(CommandPath)
    /// Print the version.
    case version
}

extension Command {
    /// Understands a line, given without the program's own name.
    ///
    /// `environment` is consulted only for the variables that options name. A line that asks for help gets it even when
    /// something else in it is wrong.
    package func parse(
        _ words: [String],
        environment: [String: String] = [:]
    ) throws(ArgumentsError) -> Parsed {
        var line = LineParser(root: self, words: words)
        return try line.parse(environment: environment)
    }
}
