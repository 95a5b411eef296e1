extension CommandPath {
    /// The help of the command that the path ends at, as whole lines.
    ///
    /// - Parameters:
    ///   - width: The columns of the terminal. Below 40 the lines are longer than asked.
    ///   - isStyled: Whether headings are bold, by ANSI escapes.
    package func help(width: Int = 80, isStyled: Bool = false) -> String {
        HelpText(path: self, width: max(40, width), isStyled: isStyled).text
    }
}

/// Lays out one command's help: usage, summary, discussion, then sections of aligned rows.
private struct HelpText {
    struct Row {
        let label: String
        let text: String
    }

    struct Section {
        let title: String
        var rows: [Row]
    }

    let path: CommandPath
    let width: Int
    let isStyled: Bool

    var text: String {
        let sections = self.sections
        var blocks = [usage, path.command.summary.wrapped(to: width)]
        if !path.command.discussion.isEmpty { blocks.append(path.command.discussion.wrapped(to: width)) }
        let column = self.column(for: sections)
        blocks += sections.map { section in
            [heading(section.title)] + section.rows.flatMap { lines(of: $0, column: column) }
        }
        if !path.command.examples.isEmpty { blocks.append(examples) }
        if !path.command.visibleSubcommands.isEmpty {
            blocks.append("See '\(path.text) help COMMAND' for more about one command.".wrapped(to: width))
        }
        return blocks.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    private func heading(_ title: String) -> String {
        isStyled ? "\u{1B}[1m\(title):\u{1B}[0m" : "\(title):"
    }
}

// Contents.
extension HelpText {
    private var usage: [String] {
        let command = path.command
        var forms: [String] = []
        if command.run != nil { forms.append(usageOfItself) }
        if !command.visibleSubcommands.isEmpty { forms.append("\(path.text) COMMAND") }
        let indent = "Usage: ".count
        let lines = forms.flatMap { form in
            let lines = form.wrapped(to: width - indent)
            return lines.prefix(1) + lines.dropFirst().map { "    \($0)" }
        }
        return lines.enumerated().map { index, line in
            index == 0 ? "\(heading("Usage")) \(line)" : String(repeating: " ", count: indent) + line
        }
    }

    private var usageOfItself: String {
        let options = path.options.filter { !$0.isHidden }
        var words = [path.text] + options.filter(\.isRequired).map(\.synopsis)
        if options.contains(where: { !$0.isRequired }) { words.append("[OPTIONS]") }
        return (words + path.command.arguments.map(\.synopsis)).joined(separator: " ")
    }

    private var sections: [Section] {
        let command = path.command
        var sections: [Section] = []
        if !command.arguments.isEmpty {
            sections.append(
                Section(title: "Arguments", rows: command.arguments.map { Row(label: $0.name, text: $0.help) })
            )
        }
        sections += grouped(command.visibleSubcommands, under: "Commands", by: \.group) {
            Row(label: $0.names.joined(separator: ", "), text: $0.summary)
        }
        let shown = command.options.filter { !$0.isHidden }
        let inherited = path.inheritedOptions.filter { !$0.isHidden }
        if inherited.isEmpty {
            let standard = path.standardOptions.filter { standard in !shown.contains { $0.name == standard.name } }
            sections += grouped(shown + standard, under: "Options", by: \.group, row: row)
        } else {
            sections += grouped(shown, under: "Options", by: \.group, row: row)
            sections.append(Section(title: "Global options", rows: (inherited + path.standardOptions).map(row)))
        }
        return sections
    }

    /// Sections in the order in which their titles first appear, the untitled one first.
    private func grouped<Item>(
        _ items: [Item],
        under title: String,
        by group: (Item) -> String?,
        row: (Item) -> Row
    ) -> [Section] {
        var sections = [Section(title: title, rows: [])]
        for item in items {
            let title = group(item) ?? title
            if let index = sections.firstIndex(where: { $0.title == title }) {
                sections[index].rows.append(row(item))
            } else {
                sections.append(Section(title: title, rows: [row(item)]))
            }
        }
        return sections.filter { !$0.rows.isEmpty }
    }

    private func row(_ option: Option) -> Row {
        let short = option.short.map { "-\($0), " } ?? "    "
        var notes: [String] = []
        if option.isRequired { notes.append("required") }
        if case .repeated = option.kind { notes.append("may be repeated") }
        switch option.default {
        case .none: break
        case .value(let text), .described(let text): notes.append("default: \(text)")
        }
        if let variable = option.environment { notes.append("env: \(variable)") }
        let text = notes.isEmpty ? option.help : "\(option.help) (\(notes.joined(separator: "; ")))"
        return Row(label: short + option.synopsis, text: text)
    }

    private var examples: [String] {
        [heading("Examples")]
            + path.command.examples.enumerated().flatMap { index, example in
                let effect = example.effect.wrapped(to: width - 2).map { "  \($0)" }
                // A line to type is never wrapped: it is there to be copied.
                return (index == 0 ? [] : [""]) + effect + ["      \(example.line)"]
            }
    }
}

// Columns.
extension HelpText {
    /// Where the right column begins: one place for all sections, and room for a sentence beside it.
    private func column(for sections: [Section]) -> Int {
        let limit = min(30, width / 2 - 4)
        let widths = sections.flatMap(\.rows).map(\.label.count).filter { $0 <= limit }
        return 2 + (widths.max() ?? limit) + 2
    }

    private func lines(of row: Row, column: Int) -> [String] {
        let label = "  \(row.label)"
        let text = row.text.wrapped(to: width - column)
        let indent = String(repeating: " ", count: column)
        if label.count + 2 > column || text.isEmpty {
            return [label] + text.map { indent + $0 }
        }
        let first = label + String(repeating: " ", count: column - label.count) + text[0]
        return [first] + text.dropFirst().map { indent + $0 }
    }
}
