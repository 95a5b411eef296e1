/// An option of a command: its names, what it takes, and what is said about it.
package struct Option: Sendable {
    package enum Kind: Sendable, Hashable {
        /// Given or not.
        case flag
        /// Takes one value, shown as `placeholder`, and may be given once.
        case value(placeholder: String)
        /// Takes one value each time it is given.
        case repeated(placeholder: String)
    }

    /// What an option is when neither the line nor the environment gives it.
    package enum Default: Sendable, Hashable, ExpressibleByStringLiteral {
        case none
        /// Returned by ``Invocation/value(_:)`` and shown in the help.
        case value(String)
        /// Only shown: the command works the value out itself ("number of cores").
        case described(String)

        package init(stringLiteral text: String) {
            self = .value(text)
        }
    }

    /// The long name with its dashes: `--schema`. ``Invocation`` is asked by this name.
    package var name: String
    /// The letter of the short name: `s` for `-s`.
    package var short: Character?
    /// Other names, with their dashes, long or of one letter; accepted, but not shown.
    package var aliases: [String]
    package var kind: Kind
    package var help: String
    /// The heading of the help section; `nil` is "Options".
    package var group: String?
    package var `default`: Default
    /// The variable that gives the value when the line does not. An empty variable counts as absent.
    package var environment: String?
    package var completion: Completion
    /// The command cannot run without a value, be it from the line, the environment or the default.
    package var isRequired: Bool
    /// Also accepted by every command below the one that declares it.
    package var isGlobal: Bool
    /// Works, but is neither shown, nor completed, nor suggested.
    package var isHidden: Bool
}

extension Option {
    package static func flag(
        _ name: String,
        short: Character? = nil,
        aliases: [String] = [],
        _ help: String,
        group: String? = nil,
        environment: String? = nil,
        isGlobal: Bool = false,
        isHidden: Bool = false
    ) -> Option {
        Option(
            name: name,
            short: short,
            aliases: aliases,
            kind: .flag,
            help: help,
            group: group,
            default: .none,
            environment: environment,
            completion: .none,
            isRequired: false,
            isGlobal: isGlobal,
            isHidden: isHidden
        )
    }

    package static func value(
        _ name: String,
        _ placeholder: String,
        short: Character? = nil,
        aliases: [String] = [],
        _ help: String,
        group: String? = nil,
        default: Default = .none,
        environment: String? = nil,
        completion: Completion = .none,
        isRequired: Bool = false,
        isGlobal: Bool = false,
        isHidden: Bool = false
    ) -> Option {
        Option(
            name: name,
            short: short,
            aliases: aliases,
            kind: .value(placeholder: placeholder),
            help: help,
            group: group,
            default: `default`,
            environment: environment,
            completion: completion,
            isRequired: isRequired,
            isGlobal: isGlobal,
            isHidden: isHidden
        )
    }

    package static func repeated(
        _ name: String,
        _ placeholder: String,
        short: Character? = nil,
        aliases: [String] = [],
        _ help: String,
        group: String? = nil,
        completion: Completion = .none,
        isRequired: Bool = false,
        isGlobal: Bool = false,
        isHidden: Bool = false
    ) -> Option {
        Option(
            name: name,
            short: short,
            aliases: aliases,
            kind: .repeated(placeholder: placeholder),
            help: help,
            group: group,
            default: .none,
            environment: nil,
            completion: completion,
            isRequired: isRequired,
            isGlobal: isGlobal,
            isHidden: isHidden
        )
    }
}

extension Option {
    /// The option that every command has.
    static let help = Option.flag("--help", short: "h", "Show this help")

    /// The option that every command has, unless it declares one of that name; shown at the root.
    static let version = Option.flag("--version", "Show the version")

    /// Every way to write it: `--schema`, `-s`, and the aliases.
    var spellings: [String] {
        [name] + shortSpelling + aliases
    }

    /// The spellings that help and completions show.
    var shownSpellings: [String] {
        shortSpelling + [name]
    }

    var placeholder: String? {
        switch kind {
        case .flag: nil
        case .value(let placeholder), .repeated(let placeholder): placeholder
        }
    }

    /// The long name with its placeholder: `--schema FILE`.
    var synopsis: String {
        placeholder.map { "\(name) \($0)" } ?? name
    }

    private var shortSpelling: [String] {
        short.map { ["-\($0)"] } ?? []
    }
}
