import Arguments
import FoundationEssentials
import Glibc
import Linux
import Records
import Wire

/// What a command finds around it: variables, the installation's home, and whether a person is at the other end.
package struct Surroundings: Sendable {
    package var environment: [String: String]
    package var home: Home
    package var inputIsTerminal: Bool
    package var outputIsTerminal: Bool
    package var errorIsTerminal: Bool

    package init(
        environment: [String: String],
        home: Home,
        inputIsTerminal: Bool = false,
        outputIsTerminal: Bool = false,
        errorIsTerminal: Bool = false
    ) {
        self.environment = environment
        self.home = home
        self.inputIsTerminal = inputIsTerminal
        self.outputIsTerminal = outputIsTerminal
        self.errorIsTerminal = errorIsTerminal
    }

    /// Looks around for a command.
    package init(_ invocation: Invocation) throws(CommandsError) {
        try self.init(home: invocation.value("--home"))
    }

    /// Looks around for a program whose line says nothing about this installation.
    package init() throws(CommandsError) {
        let home = ProcessInfo.processInfo.environment["MARTLET_HOME"]
        try self.init(home: home.flatMap { $0.isEmpty ? nil : $0 })
    }

    private init(home: String?) throws(CommandsError) {
        let environment = ProcessInfo.processInfo.environment
        self.init(
            environment: environment,
            home: try Self.home(home, environment),
            inputIsTerminal: isatty(STDIN_FILENO) == 1,
            outputIsTerminal: isatty(STDOUT_FILENO) == 1,
            errorIsTerminal: isatty(STDERR_FILENO) == 1
        )
    }

    /// A variable's value; an empty one counts as absent.
    package func variable(_ name: String) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Where the state is: as given, or `~/.martlet`; always absolute, since the daemon has another directory.
    static func home(_ given: String?, _ environment: [String: String]) throws(CommandsError) -> Home {
        if let given { return Home(absolute(given)) }
        guard let user = environment["HOME"], user.hasPrefix("/") else {
            throw CommandsError(
                .unusableInput,
                "Neither MARTLET_HOME nor HOME is set; say where the state is with --home"
            )
        }
        return Home("\(user == "/" ? "" : user)/.martlet")
    }

    /// `path` from the root, without looking at what is there.
    static func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        guard let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return "\(String(cString: current))/\(path)"
    }

    /// Columns of the terminal that errors and progress go to.
    package var width: Int {
        Terminal.size(STDERR_FILENO).map { Int($0.cols) } ?? environment["COLUMNS"].flatMap { Int($0) } ?? 80
    }

    /// How to write to standard output.
    package var outputStyle: Style { Style(isOn: outputIsTerminal && allowsStyle) }

    /// How to write to standard error.
    package var errorStyle: Style { Style(isOn: errorIsTerminal && allowsStyle) }

    private var allowsStyle: Bool { variable("NO_COLOR") == nil && environment["TERM"] != "dumb" }
}
