import RPC
import Terminals
import Wire

/// Terminals of a sandbox. They outlive whoever looks at them.
public struct SandboxTerminals: Sendable {
    let sandbox: Sandbox

    /// Opens a terminal, or joins the one that has the slug, and calls `body`; the session goes on afterwards.
    ///
    /// - Parameters:
    ///   - command: the program and its arguments; a login shell when empty.
    ///   - slug: by which it can be found again.
    ///   - columns: of a new terminal; one that is joined keeps its size.
    ///   - rows: likewise.
    ///   - user: whose it is; the sandbox's own when nil.
    ///   - body: what is done with it while it is open here.
    public func open<Result: Sendable>(
        _ command: [String] = [],
        slug: String? = nil,
        columns: Int = 80,
        rows: Int = 24,
        user: String? = nil,
        _ body: @Sendable @escaping (SandboxTerminal) async throws -> Result
    ) async throws -> Result {
        let process = command.first.map { ProcessConfig(cmd: $0, args: Array(command.dropFirst())) }
        let size = TerminalSize(cols: UInt32(clamping: columns), rows: UInt32(clamping: rows))
        return try await join(TerminalOpening(slug: slug, user: user, process: process, size: size), body)
    }

    /// Joins a session by its number or its slug; what is kept of its screen comes first.
    public func attach<Result: Sendable>(
        _ session: String,
        user: String? = nil,
        _ body: @Sendable @escaping (SandboxTerminal) async throws -> Result
    ) async throws -> Result {
        try await join(TerminalOpening(session: session, user: user), body)
    }

    private func join<Result: Sendable>(
        _ opening: TerminalOpening,
        _ body: @Sendable @escaping (SandboxTerminal) async throws -> Result
    ) async throws -> Result {
        try await Daemon.telling {
            try await RemoteTerminal.with(sandbox.sockets, opening) { try await body(SandboxTerminal($0)) }
        }
    }

    /// The sessions that run, or did until a while ago.
    public func list() async throws -> [TerminalInfo] {
        try await Daemon.telling { try await sandbox.guest.terminals() }
    }

    /// Hangs up on a session; one that takes no notice is killed.
    @discardableResult
    public func close(_ session: String) async throws -> TerminalInfo {
        try await Daemon.telling { try await sandbox.guest.endTerminal(session) }
    }
}

/// A terminal with this program in front of it.
public struct SandboxTerminal: Sendable {
    /// What happens at a terminal.
    public enum Event: Sendable, Hashable {
        /// The first one, and again when the connection was made anew: what was shown comes again.
        case opened(session: UInt32, isNew: Bool)
        case output([UInt8])
        /// The last one.
        case exited(Int32)
    }

    private let terminal: RemoteTerminal

    init(_ terminal: RemoteTerminal) { self.terminal = terminal }

    /// The next thing that happens; nil behind the end. One task asks.
    public func next() async throws -> Event? {
        switch try await terminal.next() {
        case .opened(let session, let isNew): .opened(session: session, isNew: isNew)
        case .output(let bytes): .output(bytes)
        case .exited(let code): .exited(code)
        case nil: nil
        }
    }

    /// Types.
    public func write(_ text: String) async throws { try await terminal.write(Array(text.utf8)) }

    public func resize(columns: Int, rows: Int) async throws {
        try await terminal.resize(TerminalSize(cols: UInt32(clamping: columns), rows: UInt32(clamping: rows)))
    }
}
