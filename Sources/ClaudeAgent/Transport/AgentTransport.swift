/// Where Claude Code runs: as a process on this machine, in a sandbox, anywhere.
///
/// This is the only part that knows about processes, and all that has to be written to run agents elsewhere.
public protocol AgentTransport: Sendable {
    /// Starts the program; returns when it runs.
    ///
    /// - Throws: ``AgentError`` with `programNotFound` or `launchFailed`, which reaches the caller as it is; or anything.
    func start(_ launch: AgentLaunch) async throws -> any AgentProcess
}

/// What to start. The transport knows the program's own path and adds what its place needs.
public struct AgentLaunch: Sendable, Hashable {
    /// One argument of the program.
    public enum Argument: Sendable, Hashable {
        case text(String)
        /// What is too long for an argument, or must not be seen in the list of processes: to be written to a file that only
        /// the program's user can read. The argument is `prefix` and the file's path.
        case file(prefix: String, contents: [UInt8])
    }

    /// Behind the program's name.
    public var arguments: [Argument]
    /// Variables to set beside those that the place gives.
    public var environment: [String: String]
    /// Variables that must not reach the program, whatever the place gives.
    public var removedVariables: Set<String>
    /// Where the program starts; nil leaves it to the transport.
    public var workingDirectory: String?
}

/// A running Claude Code. The three streams are apart, and closing the input leaves the others open.
///
/// One task reads each stream and one writes; several wait for the end. Every wait must end when ``release()`` is called.
public protocol AgentProcess: AnyObject, Sendable {
    /// Whether something reads the program's output without pause and keeps it until ``readOutput()`` takes it, as a spool at
    /// the far end of a network does.
    ///
    /// Claude Code throws its last lines away when its reader stalls. So without such a spool the output is read whatever
    /// happens, and a session fails whose messages nobody takes; with one, the reading waits for them.
    var keepsOutput: Bool { get }
    /// Reads what is there of the standard output, waiting for the first byte; an empty array is the end.
    func readOutput() async throws -> [UInt8]
    /// The same for the standard error.
    func readErrors() async throws -> [UInt8]
    /// Writes everything to the standard input.
    func write(_ bytes: [UInt8]) async throws
    /// Ends the standard input.
    func closeInput() async throws
    /// Sends a signal; does nothing when the program has ended.
    func send(_ signal: AgentSignal) async
    /// Waits for the program to end.
    func exit() async throws -> AgentExit
    /// Frees everything at once, and kills what still runs. Safe to call twice.
    func release() async
}

/// What a program can be told from outside.
public enum AgentSignal: Sendable, Hashable {
    case interrupt, terminate, kill
}

/// How a program ended.
public enum AgentExit: Sendable, Hashable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    public var isSuccess: Bool { self == .exited(0) }

    public var description: String {
        switch self {
        case .exited(let status): "ended with status \(status)"
        case .signalled(let signal): "was ended by signal \(signal)"
        }
    }
}
