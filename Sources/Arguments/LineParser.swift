/// Reads the words of one line from left to right.
///
/// A fault is kept rather than thrown at once, because a `--help` further on makes it pointless; the first one counts.
struct LineParser {
    private var path: CommandPath
    private var words: ArraySlice<String>
    private var optionsEnded = false
    private var separatorSeen = false
    private var arguments: [String] = []
    private var given: [String: [String]] = [:]
    private var fault: ArgumentsError?

    init(root: Command, words: [String]) {
        path = CommandPath(root: root)
        self.words = words[...]
    }

    mutating func parse(environment: [String: String]) throws(ArgumentsError) -> Parsed {
        if words.isEmpty, path.command.run == nil { return .help(path) }
        while let word = words.popFirst() {
            if word == "--", !separatorSeen, !optionsEnded || path.command.passesThrough {
                optionsEnded = true
                separatorSeen = true
            } else if !optionsEnded, isOption(word) {
                if let answer = readOption(word) { return answer }
            } else if !optionsEnded, !path.command.subcommands.isEmpty {
                if let answer = try descend(word) { return answer }
            } else {
                arguments.append(word)
                // The name of a program ends the options: all behind it, a separator too, is the program's own.
                if path.command.passesThrough, arguments.count >= path.command.arguments.count {
                    optionsEnded = true
                    separatorSeen = true
                }
            }
        }
        return try finish(environment: environment)
    }

    private mutating func note(_ code: ArgumentsError.Code, _ problem: String) {
        if fault == nil { fault = ArgumentsError(code, problem, at: path) }
    }
}

// Options.
extension LineParser {
    /// A lone dash means standard input, and a negative number or a text with spaces is no option's name.
    private func isOption(_ word: String) -> Bool {
        guard word.hasPrefix("-"), let second = word.dropFirst().first else { return false }
        if second.isNumber || second.isWhitespace { return false }
        return !word.hasPrefix("--") || !word.prefix { $0 != "=" }.contains(where: \.isWhitespace)
    }

    private mutating func readOption(_ word: String) -> Parsed? {
        word.hasPrefix("--") ? readLong(word) : readCluster(word)
    }

    private mutating func readLong(_ word: String) -> Parsed? {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts.first.map(String.init) ?? word
        guard let option = path.option(spelled: name) else {
            noteUnknown(name)
            return nil
        }
        return take(option, spelled: name, attached: parts.count == 2 ? String(parts[1]) : nil)
    }

    /// Reads `-it`, `-s FILE`, `-sFILE` and `-s=FILE`.
    private mutating func readCluster(_ word: String) -> Parsed? {
        let long = "-\(word.prefix { $0 != "=" })"
        if long.count > 3, path.shownOptions.contains(where: { $0.name == long }) {
            // `-schema` would otherwise be `-s` with the value `chema`, which nobody means.
            note(.unknownOption, "unknown option '\(long.dropFirst())' for '\(path.text)'; did you mean '\(long)'?")
            return nil
        }
        var rest = word.dropFirst()
        while let letter = rest.popFirst() {
            let spelling = "-\(letter)"
            guard let option = path.option(spelled: spelling) else {
                noteUnknown(spelling)
                return nil
            }
            let takesValue = option.kind != .flag
            if takesValue || rest.first == "=" {
                let value = rest.first == "=" ? rest.dropFirst() : rest
                return take(option, spelled: spelling, attached: rest.isEmpty ? nil : String(value))
            }
            if let answer = take(option, spelled: spelling, attached: nil) { return answer }
        }
        return nil
    }

    private mutating func take(_ option: Option, spelled spelling: String, attached: String?) -> Parsed? {
        switch option.kind {
        case .flag:
            if let attached {
                note(
                    .unexpectedValue,
                    "option '\(spelling)' of '\(path.text)' takes no value, but was given \(quoted(attached))"
                )
                return nil
            }
            if option.name == Option.help.name { return .help(path) }
            if option.name == Option.version.name, !path.options.contains(where: { $0.name == option.name }) {
                return .version
            }
            given[option.name] = []
        case .value(let placeholder):
            guard let value = attached ?? nextValue(spelling, placeholder) else { return nil }
            if given[option.name] != nil {
                note(.repeatedOption, "option '\(option.name)' of '\(path.text)' was given more than once")
            }
            given[option.name] = [value]
        case .repeated(let placeholder):
            guard let value = attached ?? nextValue(spelling, placeholder) else { return nil }
            given[option.name, default: []].append(value)
        }
        return nil
    }

    /// The next word, unless it is an option: `--schema --keep` is far more often a slip than a file named `--keep`.
    private mutating func nextValue(_ spelling: String, _ placeholder: String) -> String? {
        if let word = words.first, word != "--", !isOption(word) { return words.popFirst() }
        let isLong = spelling.hasPrefix("--")
        let hint =
            words.first == nil || words.first == "--"
            ? "" : "; a value that begins with a dash is written '\(spelling)\(isLong ? "=" : "")\(placeholder)'"
        note(.missingValue, "option '\(spelling)' of '\(path.text)' needs a value, \(placeholder)\(hint)")
        return nil
    }

    private mutating func noteUnknown(_ spelling: String) {
        let isLong = spelling.hasPrefix("--")
        let near = isLong ? nearest(to: spelling, among: path.shownOptions.map(\.name)) : nil
        let hint = near.map { "; did you mean '\($0)'?" } ?? ""
        note(.unknownOption, "unknown option \(quoted(spelling)) for '\(path.text)'\(hint)")
    }
}

// Commands.
extension LineParser {
    private mutating func descend(_ word: String) throws(ArgumentsError) -> Parsed? {
        if let command = path.command.subcommand(named: word) {
            let above = path
            path = above.appending(command)
            let names = Set(path.options.map(\.name))
            if let stray = above.command.options.first(where: { given[$0.name] != nil && !names.contains($0.name) }) {
                note(
                    .misplacedOption,
                    "option '\(stray.name)' belongs to '\(above.text)' and cannot be used with '\(path.text)'"
                )
            }
            return nil
        }
        if word == "help" { return .help(try helpTopic()) }
        throw fault ?? unknownCommand(word)
    }

    /// The command that the words after `help` name.
    private mutating func helpTopic() throws(ArgumentsError) -> CommandPath {
        while let word = words.popFirst() {
            if isOption(word) { continue }
            guard let command = path.command.subcommand(named: word) else { throw unknownCommand(word) }
            path = path.appending(command)
        }
        return path
    }

    private func unknownCommand(_ word: String) -> ArgumentsError {
        let words = path.command.visibleSubcommands.flatMap(\.names) + ["help"]
        let hint = nearest(to: word, among: words).map { "; did you mean '\(path.text) \($0)'?" } ?? ""
        return ArgumentsError(.unknownCommand, "unknown command \(quoted(word)) for '\(path.text)'\(hint)", at: path)
    }
}

// The end of the line.
extension LineParser {
    private mutating func finish(environment: [String: String]) throws(ArgumentsError) -> Parsed {
        let command = path.command
        placeArguments()
        let variables = readEnvironment(environment)
        for set in command.exclusive {
            let both = set.filter { given[$0] != nil }.prefix(2).map { "'\($0)'" }
            if both.count == 2 {
                note(
                    .conflictingOptions,
                    "options \(both.joined(separator: " and ")) of '\(path.text)' cannot be used together"
                )
            }
        }
        if let fault { throw fault }
        guard let run = command.run else {
            let names = command.visibleSubcommands.map(\.name).joined(separator: ", ")
            throw ArgumentsError(.missingCommand, "'\(path.text)' needs a command: \(names)", at: path)
        }
        for option in path.options where option.isRequired {
            if given[option.name] == nil, variables[option.name] == nil, option.default == .none {
                throw path.missing(.option(option))
            }
        }
        for argument in command.arguments where argument.isRequired && given[argument.name] == nil {
            throw path.missing(.argument(argument))
        }
        return .run(run, Invocation(path: path, arguments: arguments, given: given, fromEnvironment: variables))
    }

    private mutating func placeArguments() {
        var rest = arguments[...]
        for argument in path.command.arguments where !rest.isEmpty {
            given[argument.name] = Array(argument.takesTheRest ? rest : rest.prefix(1))
            rest = argument.takesTheRest ? [] : rest.dropFirst()
        }
        if let extra = rest.first {
            note(.unexpectedArgument, "unexpected argument \(quoted(extra)) for '\(path.text)'")
        }
    }

    private mutating func readEnvironment(_ environment: [String: String]) -> [String: String] {
        var variables: [String: String] = [:]
        for option in path.options {
            guard let name = option.environment, let value = environment[name], !value.isEmpty else { continue }
            if option.kind == .flag, given[option.name] == nil, Invocation.truth(value) == nil {
                note(.invalidValue, "variable '\(name)' of '\(path.text)' must be 1 or 0, not \(quoted(value))")
            }
            variables[option.name] = value
        }
        return variables
    }
}
