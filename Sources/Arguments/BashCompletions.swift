/// Writes the script for bash: one function that walks the line and looks up what may stand at the cursor.
struct BashCompletions {
    let root: CommandPath

    var text: String {
        let name = root.functionName
        return """
            # Completions of \(root.text) for bash 4 and later.

            \(name)() {
                local cur=${COMP_WORDS[COMP_CWORD]} path=\(singleQuoted(root.text)) word= option= ended= only=
                local -i index=1 count=0
                local -a candidates=()
                COMPREPLY=()
                while ((index < COMP_CWORD)); do
                    word=${COMP_WORDS[index]}
                    index+=1
                    if [[ $option ]]; then
                        # bash cuts '--option=value' into three words.
                        [[ $word == '=' ]] || option=
                        continue
                    fi
                    if [[ $ended ]]; then
                        count+=1
                        continue
                    fi
                    case "$path|$word" in
            \(indented(walk, by: 8))
                    *'|--') ended=1 ;;
                    *'|-'?*) ;;
                    *)
                        count+=1
                        [[ $only ]] && ended=1
                        ;;
                    esac
                done
                if [[ $option ]]; then
                    [[ $cur == '=' ]] && cur=
                    case "$path|$option" in
            \(indented(optionValues, by: 8))
                    esac
                elif [[ ! $ended && $cur == -* ]]; then
                    case $path in
            \(indented(options, by: 8))
                    esac
                else
                    case "$path|$count" in
            \(indented(words, by: 8))
                    esac
                fi
                for word in "${candidates[@]}"; do
                    [[ $word == "$cur"* ]] || continue
                    printf -v word %q "$word"
                    COMPREPLY+=("$word")
                done
                return 0
            }

            complete -F \(name) \(singleQuoted(root.text))

            """
    }

    /// The words that change what may follow: a command, or an option that takes the next word.
    private var walk: [String] {
        root.tree.flatMap { path in
            var lines = path.command.visibleSubcommands.map { command in
                let below = path.appending(command)
                // `only` marks commands whose options end at the first argument.
                let only = command.passesThrough ? " only=1" : ""
                return "\(patterns(path, command.names))) path=\(singleQuoted(below.text))\(only) ;;"
            }
            lines += path.shownOptions.filter { $0.kind != .flag }.map { option in
                "\(patterns(path, option.shownSpellings))) option=\(singleQuoted(option.name)) ;;"
            }
            if !path.completedCommands.isEmpty { lines.append("\(patterns(path, ["help"]))) ;;") }
            return lines
        }
    }

    private var optionValues: [String] {
        root.tree.flatMap { path in
            path.shownOptions.compactMap { option in
                offer(option.completion).map { "\(patterns(path, [option.name]))) \($0) ;;" }
            }
        }
    }

    private var options: [String] {
        root.tree.map { path in
            let spellings = path.shownOptions.flatMap(\.shownSpellings)
            return "\(singleQuoted(path.text))) candidates=(\(spellings.joined(separator: " "))) ;;"
        }
    }

    private var words: [String] {
        root.tree.flatMap { path in
            var lines: [String] = []
            let commands = path.completedCommands.map(\.name)
            if !commands.isEmpty {
                lines.append("\(patterns(path, ["0"]))) candidates=(\(commands.joined(separator: " "))) ;;")
            }
            for (index, argument) in path.command.arguments.enumerated() {
                // Even where there is nothing to offer: a later argument that takes the rest matches every place.
                let offer = offer(argument.completion) ?? ":"
                let place = argument.takesTheRest ? "\(singleQuoted("\(path.text)|"))*" : patterns(path, ["\(index)"])
                lines.append("\(place)) \(offer) ;;")
            }
            return lines
        }
    }

    private func offer(_ completion: Completion) -> String? {
        switch completion {
        case .none: nil
        case .files: files("-f")
        case .directories: files("-d")
        case .values(let values): "candidates=(\(values.map(singleQuoted).joined(separator: " ")))"
        }
    }

    private func files(_ flag: String) -> String {
        "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen \(flag) -- \"$cur\")"
    }

    private func patterns(_ path: CommandPath, _ words: [String]) -> String {
        words.map { singleQuoted("\(path.text)|\($0)") }.joined(separator: " | ")
    }

    private func indented(_ lines: [String], by spaces: Int) -> String {
        lines.map { String(repeating: " ", count: spaces) + $0 }.joined(separator: "\n")
    }
}
