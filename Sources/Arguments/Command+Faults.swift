extension Command {
    /// What is wrong with the tree itself, one sentence each; empty for a sound one.
    ///
    /// The parser relies on these rules and does not check them again: a test of the tree does.
    package func faults() -> [String] {
        faults(at: CommandPath(root: self))
    }

    private func faults(at path: CommandPath) -> [String] {
        let own = nameFaults() + optionFaults(visible: path.options) + argumentFaults()
        let below = subcommands.flatMap { $0.faults(at: path.appending($0)) }
        return own.map { "'\(path.text)' \($0)" } + below
    }

    private func nameFaults() -> [String] {
        var faults: [String] = []
        for name in names where !Self.isName(name) || name == "help" { faults.append("has the unfit name '\(name)'") }
        if summary.isEmpty || summary.contains(where: \.isNewline) { faults.append("needs a summary of one line") }
        if run == nil, subcommands.isEmpty { faults.append("neither runs nor has subcommands") }
        if !subcommands.isEmpty, !arguments.isEmpty { faults.append("has both subcommands and arguments") }
        faults += Self.repeated(in: subcommands.flatMap(\.names)).map { "has two subcommands named '\($0)'" }
        return faults
    }

    private func optionFaults(visible: [Option]) -> [String] {
        var faults: [String] = []
        for option in options {
            // An alias may have capitals: it is there for the spellings of other tools.
            for name in [option.name] + option.aliases.map({ $0.lowercased() })
            where !Self.isLongOption(name) && (name == option.name || !Self.isShortOption(name)) {
                faults.append("has the unfit option name '\(name)'")
            }
            if let short = option.short, !short.isASCII || !short.isLetter {
                faults.append("has the unfit option name '-\(short)'")
            }
            if option.environment == "" { faults.append("names no variable for '\(option.name)'") }
        }
        let spellings = visible.flatMap(\.spellings) + Option.help.spellings
        faults += Self.repeated(in: spellings).map { "has two options '\($0)'" }
        let names = Set(options.map(\.name))
        for name in exclusive.joined() where !names.contains(name) {
            faults.append("excludes '\(name)', which it lacks")
        }
        return faults
    }

    private func argumentFaults() -> [String] {
        var faults = Self.repeated(in: arguments.map(\.name)).map { "has two arguments '\($0)'" }
        for argument in arguments where argument.name.isEmpty || argument.name.hasPrefix("-") {
            faults.append("has the unfit argument name '\(argument.name)'")
        }
        for (argument, next) in zip(arguments, arguments.dropFirst()) {
            if argument.takesTheRest {
                faults.append("has '\(next.name)' behind '\(argument.name)', which takes the rest")
            }
            if !argument.isRequired, next.isRequired || passesThrough {
                faults.append("has '\(next.name)' behind '\(argument.name)', which may be absent")
            }
        }
        return faults
    }

    /// Lower-case letters, digits and single dashes, as they survive every shell unquoted.
    private static func isName(_ name: some StringProtocol) -> Bool {
        guard let first = name.first, first.isASCII, first.isLowercase else { return false }
        return name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") } && !name.hasSuffix("-")
    }

    private static func isLongOption(_ name: String) -> Bool {
        name.hasPrefix("--") && isName(name.dropFirst(2))
    }

    private static func isShortOption(_ name: String) -> Bool {
        name.count == 2 && name.hasPrefix("-") && name.last.map { $0.isASCII && $0.isLetter } == true
    }

    private static func repeated(in words: [String]) -> [String] {
        Dictionary(grouping: words) { $0 }.filter { $0.value.count > 1 }.keys.sorted()
    }
}
