// A program's three streams over one WebSocket. Binary messages begin with a byte that names the stream; text messages are JSON
// with one member that says what they are.
//
//     client                            sandbox
//     {"open": {…}}              ──►
//                                ◄──    {"opened": {"pid": 312, "created": true, "input": 0}}
//     0 bytes for stdin          ──►
//                                ◄──    1 bytes of stdout, 2 bytes of stderr
//     {"ack": {"bytes": …}}      ◄─►    {"ack": {"bytes": …}}
//     {"signal": {"name": …}}    ──►
//     {"end": {}}                ──►
//                                ◄──    {"exited": {"code": 0}}
//
// Each side keeps what it has sent until it was told that it came: the client by how many bytes of its input the program was
// given, which it may be a window ahead of; the sandbox by how many bytes of both outputs the client has taken. A client whose
// socket was cut opens another with the same id and its number; 'opened' has the sandbox's, and what was lost is sent again, once.

/// Which of a program's streams the bytes of a binary message belong to: its first byte.
public enum ExecStream: UInt8, Sendable, Hashable {
    case stdin = 0
    case stdout = 1
    case stderr = 2
}

/// A text message of a client.
public struct ExecRequest: Codable, Sendable, Hashable {
    /// The first message on each socket.
    public struct Open: Codable, Sendable, Hashable {
        /// Names the program from now on, and is the client's choice: one that nobody else chooses.
        public var id: String
        /// What to run, if there is nothing with that id. Without it the program must be there.
        public var process: ProcessConfig?
        /// False: `/dev/null`.
        public var stdin: Bool?
        /// Keeps all output on the guest's disk, so that the program never waits for its reader.
        public var spool: Bool?
        /// For how many seconds the program outlives a client that does not come back.
        public var linger: Double?
        /// How many bytes of both outputs have come.
        public var received: Int

        public init(
            id: String,
            process: ProcessConfig? = nil,
            stdin: Bool? = nil,
            spool: Bool? = nil,
            linger: Double? = nil,
            received: Int = 0
        ) {
            self.id = id
            self.process = process
            self.stdin = stdin
            self.spool = spool
            self.linger = linger
            self.received = received
        }
    }

    public struct Signal: Codable, Sendable, Hashable {
        /// As in `SIGINT`.
        public var name: String
        public init(name: String) { self.name = name }
    }

    public var open: Open?
    public var signal: Signal?
    /// The end of standard input.
    public var end: Empty?
    public var ack: ExecCount?

    public init(open: Open) { self.open = open }
    public init(signal: String) { self.signal = Signal(name: signal) }
    public init(acknowledging bytes: Int) { ack = ExecCount(bytes: bytes) }
    public static let end = ExecRequest(end: Empty())

    private init(end: Empty) { self.end = end }
}

/// How many bytes have come since the program began.
public struct ExecCount: Codable, Sendable, Hashable {
    /// The most bytes of input that a client sends ahead of what the program was given.
    public static let window = 1024 * 1024
    /// After how many bytes more each side tells the other, at the latest.
    public static let pace = 64 * 1024

    public var bytes: Int
    public init(bytes: Int) { self.bytes = bytes }
}

/// A text message to a client.
public struct ExecEvent: Codable, Sendable, Hashable {
    public struct Opened: Codable, Sendable, Hashable {
        public var pid: UInt32
        /// Whether it was started by this request.
        public var created: Bool
        /// How many bytes for its standard input have come.
        public var input: Int

        public init(pid: UInt32, created: Bool, input: Int) {
            self.pid = pid
            self.created = created
            self.input = input
        }
    }

    /// How the program ended: by itself, or by a signal.
    public struct Exited: Codable, Sendable, Hashable {
        public var code: Int32?
        public var signal: Int32?
        /// That the guest ran out of memory while the program ran, and whom its kernel ended, if the program failed then.
        public var shortage: String?
        /// Why some of its output is missing, if it is.
        public var loss: String?

        public init(code: Int32? = nil, signal: Int32? = nil, shortage: String? = nil, loss: String? = nil) {
            self.code = code
            self.signal = signal
            self.shortage = shortage
            self.loss = loss
        }
    }

    public var opened: Opened?
    public var ack: ExecCount?
    public var exited: Exited?
    /// Nothing follows it; the program may go on.
    public var error: CallError?

    public init(opened: Opened) { self.opened = opened }
    public init(acknowledging bytes: Int) { ack = ExecCount(bytes: bytes) }
    public init(exited: Exited) { self.exited = exited }
    public init(error: CallError) { self.error = error }
}
