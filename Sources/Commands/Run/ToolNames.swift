/// Names of an agent's tools, as `--allowed-tools` lists them.
package enum ToolNames {
    /// Cuts at commas and spaces that are not inside parentheses: `Bash(git log:*),Read` is two.
    package static func split(_ list: String) -> [String] {
        var names: [String] = []
        var name = ""
        var depth = 0
        for character in list {
            if depth == 0, character == "," || character.isWhitespace {
                if !name.isEmpty { names.append(name) }
                name = ""
                continue
            }
            if character == "(" { depth += 1 }
            if character == ")" { depth = max(0, depth - 1) }
            name.append(character)
        }
        return name.isEmpty ? names : names + [name]
    }
}
