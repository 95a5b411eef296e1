import Arguments

/// Options that several commands have, said once.
enum SharedOptions {
    static let output = Option.value(
        "--output",
        "FORMAT",
        short: "o",
        aliases: ["--format"],
        "text or json",
        default: "text",
        completion: .values(OutputFormat.allCases.map(\.rawValue))
    )

    static func format(_ invocation: Invocation) throws(ArgumentsError) -> OutputFormat {
        // As E2B's command line calls it.
        if invocation.value("--output") == "pretty" { return .text }
        return try invocation.choice("--output", as: OutputFormat.self) ?? .text
    }

    static let environment = Option.repeated(
        "--env",
        "NAME=VALUE",
        short: "e",
        "Set a variable; NAME alone takes it from here"
    )

    /// The variables that `--env` sets.
    static func environment(
        _ invocation: Invocation,
        _ surroundings: Surroundings
    ) throws -> [String: String] {
        var environment: [String: String] = [:]
        for word in invocation.values("--env") {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = parts.first ?? ""
            let isName = name.utf8.allSatisfy { byte in
                byte == 0x5F || (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
            }
            guard isName, let first = name.first, !first.isNumber else {
                throw CommandsError(.unusableInput, "'\(name)' in '--env' is no name of a variable; write NAME=VALUE")
            }
            if parts.count == 2 {
                environment[name] = parts[1]
            } else if let value = surroundings.environment[name] {
                environment[name] = value
            } else {
                throw CommandsError(.unusableInput, "'--env \(name)' takes the variable from here, where it is not set")
            }
        }
        return environment
    }

    /// `NAME=VALUE` words of another option.
    static func pairs(_ name: String, _ invocation: Invocation) throws -> [String: String] {
        var pairs: [String: String] = [:]
        for word in invocation.values(name) {
            guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
                throw CommandsError(.unusableInput, "'\(name) \(word)' must be written NAME=VALUE")
            }
            pairs[String(word[..<equals])] = String(word[word.index(after: equals)...])
        }
        return pairs
    }
}

extension Option {
    /// The same option under one more name, which is not shown.
    func accepting(_ alias: String) -> Option {
        var option = self
        option.aliases.append(alias)
        return option
    }
}
