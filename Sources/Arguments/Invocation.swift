/// A line that was understood: what was given, asked for by name.
///
/// An option is asked for by its long name with dashes, `--schema`; an argument by its name, `ID`. A value comes from the
/// line, else from the option's environment variable, else from its default. Asking for a name that the command does
/// not declare, or for the value of a flag, is a fault of the program and ends it.
package struct Invocation: Sendable {
    package let path: CommandPath
    /// All arguments in the order of the line.
    package let arguments: [String]

    /// What the line gave, by declared name. A flag has an empty list.
    private let given: [String: [String]]
    /// What the environment gave, by option name; empty variables are left out.
    private let fromEnvironment: [String: String]

    init(path: CommandPath, arguments: [String], given: [String: [String]], fromEnvironment: [String: String]) {
        self.path = path
        self.arguments = arguments
        self.given = given
        self.fromEnvironment = fromEnvironment
    }

    /// Whether the line itself names the option or argument.
    package func isGiven(_ name: String) -> Bool {
        _ = declaration(name)
        return given[name] != nil
    }

    package func flag(_ name: String) -> Bool {
        guard case .option(let option) = declaration(name), option.kind == .flag else {
            preconditionFailure("'\(name)' of '\(path.text)' is not a flag")
        }
        return given[name] != nil || fromEnvironment[name].flatMap(Self.truth) == true
    }

    /// The one value; the first, where there may be several.
    package func value(_ name: String) -> String? {
        sourced(name)?.text
    }

    /// All values, in the order of the line.
    package func values(_ name: String) -> [String] {
        let declared = declaration(name)
        if let values = given[name] { return values }
        if let value = fromEnvironment[name] { return [value] }
        if case .option(let option) = declared, case .value(let value) = option.default { return [value] }
        return []
    }

    /// The value of something that this use of the command cannot do without.
    package func required(_ name: String) throws(ArgumentsError) -> String {
        if let value = value(name) { return value }
        throw path.missing(declaration(name))
    }
}

extension Invocation {
    /// A value and where it came from.
    struct Sourced {
        let text: String
        /// How an error names it: `option '--timeout'`, `argument 'PORT'`, `variable 'MARTLET_TIMEOUT'`.
        let origin: String
    }

    func sourced(_ name: String) -> Sourced? {
        let declared = declaration(name)
        if case .option(let option) = declared {
            precondition(option.kind != .flag, "'\(name)' of '\(path.text)' is a flag and has no value")
            if given[name] == nil, fromEnvironment[name] != nil, let variable = option.environment {
                return values(name).first.map { Sourced(text: $0, origin: "variable '\(variable)'") }
            }
        }
        return values(name).first.map { Sourced(text: $0, origin: "\(declared.noun) '\(name)'") }
    }

    /// What a variable says about a flag; `nil` when it says neither yes nor no.
    static func truth(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "true", "yes", "on": true
        case "0", "false", "no", "off": false
        default: nil
        }
    }

    private func declaration(_ name: String) -> Declaration {
        if let option = path.options.first(where: { $0.name == name }) { return .option(option) }
        if let argument = path.command.arguments.first(where: { $0.name == name }) { return .argument(argument) }
        preconditionFailure("'\(path.text)' declares no '\(name)'")
    }
}

/// What a name stands for.
enum Declaration {
    case option(Option)
    case argument(Positional)

    var noun: String {
        switch self {
        case .option: "option"
        case .argument: "argument"
        }
    }
}

extension CommandPath {
    func missing(_ declaration: Declaration) -> ArgumentsError {
        switch declaration {
        case .option(let option):
            ArgumentsError(.missingOption, "'\(text)' needs the option '\(option.synopsis)'", at: self)
        case .argument(let argument):
            ArgumentsError(.missingArgument, "'\(text)' needs the argument '\(argument.name)'", at: self)
        }
    }
}
