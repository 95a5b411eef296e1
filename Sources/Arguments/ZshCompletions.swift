/// Writes the script for zsh: one function for each command, made of `_arguments` specifications.
struct ZshCompletions {
    let root: CommandPath

    var text: String {
        let name = root.functionName
        return """
            #compdef \(root.text)
            # Completions of \(root.text) for zsh.

            \(root.tree.map(function).joined(separator: "\n\n"))

            if [[ $funcstack[1] == \(name) ]]; then
                \(name) "$@"
            else
                compdef \(name) \(singleQuoted(root.text))
            fi

            """
    }

    private func function(_ path: CommandPath) -> String {
        path.completedCommands.isEmpty ? leaf(path) : group(path)
    }

    private func leaf(_ path: CommandPath) -> String {
        // Options of the command end at the first argument where the rest belongs to another program.
        let flags = path.command.passesThrough ? "-s -S -A '-*'" : "-s -S"
        let specifications = path.shownOptions.flatMap(specifications) + path.command.arguments.enumerated().map(place)
        return """
            \(path.functionName)() {
                _arguments \(flags)\(continued(specifications))
            }
            """
    }

    private func group(_ path: CommandPath) -> String {
        let commands = path.completedCommands.map { command in
            "        " + singleQuoted("\(escaped(command.name, ":")):\(command.summary)")
        }
        let cases = path.command.visibleSubcommands.map { command in
            "            \(command.names.joined(separator: "|"))) \(path.appending(command).functionName) ;;"
        }
        let specifications = path.shownOptions.flatMap(specifications) + ["'1: :->command'", "'*:: :->rest'"]
        return """
            \(path.functionName)() {
                local context state state_descr line
                typeset -A opt_args
                local -a commands=(
            \(commands.joined(separator: "\n"))
                )
                _arguments -C -s -S -A '-*'\(continued(specifications))
                case $state in
                    command) _describe -t commands 'command' commands ;;
                    rest)
                        case $line[1] in
            \(cases.joined(separator: "\n"))
                        help) _describe -t commands 'command' commands ;;
                        esac
                        ;;
                esac
            }
            """
    }

    /// One specification for each spelling; those of one option exclude each other unless it may be repeated.
    private func specifications(_ option: Option) -> [String] {
        option.shownSpellings.map { spelling in
            let isRepeated = if case .repeated = option.kind { true } else { false }
            let prefix = isRepeated ? "*" : "(\(option.shownSpellings.joined(separator: " ")))"
            let help = "[\(escaped(option.help.onOneLine, "[]:"))]"
            guard let placeholder = option.placeholder else { return singleQuoted(prefix + spelling + help) }
            let attached = spelling.hasPrefix("--") ? "=" : "+"
            return singleQuoted(
                "\(prefix)\(spelling)\(attached)\(help):\(escaped(placeholder, ":")):\(action(option.completion))"
            )
        }
    }

    private func place(_ index: Int, _ argument: Positional) -> String {
        let place: String
        switch argument.kind {
        case .required: place = "\(index + 1):"
        case .optional: place = "\(index + 1)::"
        case .repeated: place = "*:"
        case .passthrough: place = "*::"
        }
        return singleQuoted("\(place)\(escaped(argument.name, ":")):\(action(argument.completion))")
    }

    private func action(_ completion: Completion) -> String {
        switch completion {
        case .none: " "
        case .files: "_files"
        case .directories: "_files -/"
        case .values(let values): "(\(values.map(evaluated).joined(separator: " ")))"
        }
    }

    /// A word of a list, which zsh cuts at colons and then evaluates as if it were typed.
    private func evaluated(_ word: String) -> String {
        word.map { $0.isLetter || $0.isNumber || "-_./".contains($0) ? String($0) : "\\\($0)" }.joined()
    }

    private func continued(_ specifications: [String]) -> String {
        specifications.map { " \\\n        \($0)" }.joined()
    }

    private func escaped(_ text: String, _ special: String) -> String {
        text.map { special.contains($0) || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
    }
}

extension String {
    var onOneLine: String {
        split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
