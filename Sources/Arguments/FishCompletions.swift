/// Writes the script for fish: one function that finds the command of the line, and one rule for each thing to offer.
struct FishCompletions {
    let root: CommandPath

    private var condition: String { "_\(root.functionName)_at" }

    var text: String {
        let program = quoted(root.text)
        return """
            # Completions of \(root.text) for fish.

            # Whether the line before the cursor has reached a command, with at least and at most so many arguments behind it.
            function \(condition) --argument-names wanted least most
                set -l tokens (commandline -opc)
                set -l path \(program)
                set -l arguments 0
                set -l skip 0
                set -l ended 0
                for token in $tokens[2..-1]
                    if test $skip = 1
                        set skip 0
                        continue
                    end
                    if test $ended = 1
                        set arguments (math $arguments + 1)
                        continue
                    end
                    switch "$path|$token"
            \(walk.map { "            \($0)" }.joined(separator: "\n"))
                        case '*|--'
                            set ended 1
                        case '*|-?*'
                        case '*'
                            set arguments (math $arguments + 1)
                    end
                end
                test "$path" = "$wanted"; or return 1
                test -z "$least"; and return 0
                test $arguments -ge $least; or return 1
                test -z "$most"; or test $arguments -le $most
            end

            complete -c \(program) -f
            \(rules.map { "complete -c \(program) \($0)" }.joined(separator: "\n"))

            """
    }

    private var walk: [String] {
        root.tree.flatMap { path in
            var lines = path.command.visibleSubcommands.map { command in
                "case \(patterns(path, command.names)); set path \(quoted(path.appending(command).text))"
            }
            lines += path.shownOptions.filter { $0.kind != .flag }.map { option in
                "case \(patterns(path, option.shownSpellings)); set skip 1"
            }
            if !path.completedCommands.isEmpty { lines.append("case \(patterns(path, ["help"]))") }
            return lines
        }
    }

    private var rules: [String] {
        root.tree.flatMap { path in
            path.completedCommands.map {
                "\(at(path, least: 0, most: 0)) -a \(quoted($0.name)) -d \(quoted($0.summary))"
            }
                + path.shownOptions.map { rule(for: $0, of: path) }
                + path.command.arguments.enumerated().compactMap { index, argument in
                    offer(argument.completion).map {
                        "\(at(path, least: index, most: argument.takesTheRest ? nil : index)) \($0)"
                    }
                }
        }
    }

    private func rule(for option: Option, of path: CommandPath) -> String {
        let short = option.short.map { " -s \($0)" } ?? ""
        // Behind the first argument of such a command, options belong to another program.
        let place = path.command.passesThrough ? at(path, least: 0, most: 0) : at(path)
        let names = "\(place)\(short) -l \(option.name.dropFirst(2))"
        let help = "-d \(quoted(option.help.onOneLine))"
        return option.kind == .flag
            ? "\(names) \(help)" : "\(names) -r \(offer(option.completion) ?? "-f") \(help)"
    }

    private func offer(_ completion: Completion) -> String? {
        switch completion {
        case .none: nil
        case .files: "-F"
        case .directories: "-f -a '(__fish_complete_directories (commandline -ct))'"
        // fish splits the list at spaces and expands it once more, so each value is quoted inside the quotes.
        case .values(let values): "-f -a \(quoted(values.map(quoted).joined(separator: " ")))"
        }
    }

    private func at(_ path: CommandPath, least: Int? = nil, most: Int? = nil) -> String {
        let bounds = [least, most].compactMap { $0.map { " \($0)" } }.joined()
        return "-n \(quoted("\(condition) \(quoted(path.text))\(bounds)"))"
    }

    private func patterns(_ path: CommandPath, _ words: [String]) -> String {
        words.map { quoted("\(path.text)|\($0)") }.joined(separator: " ")
    }

    /// The text as one word of fish, where only `'` and `\` mean something between single quotes.
    private func quoted(_ text: String) -> String {
        "'" + text.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : String($0) }.joined() + "'"
    }
}
