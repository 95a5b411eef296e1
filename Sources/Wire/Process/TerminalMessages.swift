// Terminals over WebSockets: binary messages are the terminal's bytes, text messages are JSON and steer it.

/// What is asked for with a WebSocket to a terminal, in the query of its target.
public struct TerminalOpening: Codable, Sendable, Hashable {
    /// The session to join: its number, or its slug.
    public var session: String?
    /// Of a new session; one that has it already and still runs is joined instead.
    public var slug: String?
    /// Whose session; the sandbox's own user when absent.
    public var user: String?
    /// What a new session runs; a login shell when absent.
    public var process: ProcessConfig?
    /// A line for the user's shell, in place of ``process``.
    public var line: String?
    public var size: TerminalSize?
    /// Whether a new session starts its program again whenever that has ended, until somebody ends the session.
    public var replaceOnExit: Bool?

    public init(
        session: String? = nil,
        slug: String? = nil,
        user: String? = nil,
        process: ProcessConfig? = nil,
        replaceOnExit: Bool? = nil,
        line: String? = nil,
        size: TerminalSize? = nil
    ) {
        self.session = session
        self.slug = slug
        self.user = user
        self.process = process
        self.replaceOnExit = replaceOnExit
        self.line = line
        self.size = size
    }
}

/// A session: a program with a terminal, whoever looks at it.
public struct TerminalInfo: Codable, Sendable, Hashable {
    public enum State: String, Codable, Sendable {
        case running, exited
    }

    /// The process id in the guest.
    public var sessionId: UInt32
    public var slug: String?
    public var state: State
    public var createdUnix: Int64
    public var cols: UInt32
    public var rows: UInt32
    /// 128 and the signal's number for one that a signal ended; nil while it runs.
    public var exitCode: Int32?
    public var linuxUser: String?
    /// The program and its arguments.
    public var command: [String]?
    /// How many clients look at it now.
    public var clients: Int?

    public init(
        sessionId: UInt32,
        slug: String? = nil,
        state: State,
        createdUnix: Int64,
        size: TerminalSize,
        exitCode: Int32? = nil,
        linuxUser: String? = nil,
        command: [String]? = nil,
        clients: Int? = nil
    ) {
        self.sessionId = sessionId
        self.slug = slug
        self.state = state
        self.createdUnix = createdUnix
        cols = size.cols
        rows = size.rows
        self.exitCode = exitCode
        self.linuxUser = linuxUser
        self.command = command
        self.clients = clients
    }
}

/// The answer to `GET /terminals`.
public struct TerminalList: Codable, Sendable, Hashable {
    public var sessions: [TerminalInfo]
    public init(sessions: [TerminalInfo]) { self.sessions = sessions }
}

/// A text message about a terminal. Which members are there depends on `type`; unknown types are passed over.
public struct TerminalMessage: Codable, Sendable, Hashable {
    /// `resize` and `signal` from the client; `sessionInfo`, `exited` and `error` from the sandbox.
    public var type: String
    public var cols: UInt32?
    public var rows: UInt32?
    /// As in `sigint` or `SIGKILL`.
    public var signal: String?
    public var sessionId: UInt32?
    public var slug: String?
    /// Whether the session is new.
    public var created: Bool?
    public var exitCode: Int32?
    public var message: String?

    private init(type: String) { self.type = type }

    public static func resize(_ size: TerminalSize) -> TerminalMessage {
        var message = TerminalMessage(type: "resize")
        (message.cols, message.rows) = (size.cols, size.rows)
        return message
    }

    public static func signal(_ name: String) -> TerminalMessage {
        var message = TerminalMessage(type: "signal")
        message.signal = name
        return message
    }

    /// The first message that a client gets.
    public static func sessionInfo(_ id: UInt32, slug: String?, created: Bool) -> TerminalMessage {
        var message = TerminalMessage(type: "sessionInfo")
        (message.sessionId, message.slug, message.created) = (id, slug, created)
        return message
    }

    /// The last message that a client gets of a session that has ended.
    public static func exited(_ code: Int32) -> TerminalMessage {
        var message = TerminalMessage(type: "exited")
        message.exitCode = code
        return message
    }

    public static func error(_ words: String) -> TerminalMessage {
        var message = TerminalMessage(type: "error")
        message.message = words
        return message
    }
}
