import FoundationEssentials

/// Names a process of a sandbox: by its pid in the guest, or by the tag it was started with.
public struct ProcessSelector: Codable, Sendable, Hashable {
    public var pid: UInt32?
    public var tag: String?

    public init(pid: UInt32) { self.pid = pid }
    public init(tag: String) { self.tag = tag }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        pid = try fields.integer(.pid)
        tag = try fields.decodeIfPresent(String.self, forKey: .tag)
    }
}

/// What to run: a program, not a shell line.
public struct ProcessConfig: Codable, Sendable, Hashable {
    public var cmd: String
    public var args: [String]?
    public var envs: [String: String]?
    /// Where it runs; the user's home when absent.
    public var cwd: String?

    public init(cmd: String, args: [String] = [], envs: [String: String] = [:], cwd: String? = nil) {
        self.cmd = cmd
        self.args = args
        self.envs = envs
        self.cwd = cwd
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        cmd = try fields.text(.cmd)
        args = try fields.decodeIfPresent([String].self, forKey: .args)
        envs = try fields.decodeIfPresent([String: String].self, forKey: .envs)
        cwd = try fields.decodeIfPresent(String.self, forKey: .cwd)
    }
}

/// A terminal's size in characters.
public struct TerminalSize: Codable, Sendable, Hashable {
    public var cols: UInt32
    public var rows: UInt32

    public init(cols: UInt32, rows: UInt32) {
        self.cols = cols
        self.rows = rows
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        cols = try fields.integer(.cols) ?? 0
        rows = try fields.integer(.rows) ?? 0
    }
}

/// The terminal that a process is started in.
public struct TerminalRequest: Codable, Sendable, Hashable {
    public var size: TerminalSize?

    public init(size: TerminalSize? = nil) { self.size = size }
}

/// Bytes for a process: to its standard input, or to its terminal.
public struct ProcessInput: Codable, Sendable, Hashable {
    public var stdin: Data?
    public var pty: Data?

    public init(stdin: Data) { self.stdin = stdin }
    public init(pty: Data) { self.pty = pty }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        stdin = try fields.bytes(.stdin)
        pty = try fields.bytes(.pty)
    }
}

/// What happens to a process: `start`, any number of `data`, one `end`; `keepalive` in between.
public struct ProcessEvent: Codable, Sendable, Hashable {
    public struct Start: Codable, Sendable, Hashable {
        public var pid: UInt32
        public init(pid: UInt32) { self.pid = pid }
    }

    public struct Output: Codable, Sendable, Hashable {
        public var stdout: Data?
        public var stderr: Data?
        public var pty: Data?

        public init(stdout: Data? = nil, stderr: Data? = nil, pty: Data? = nil) {
            self.stdout = stdout
            self.stderr = stderr
            self.pty = pty
        }
    }

    public struct End: Codable, Sendable, Hashable {
        /// The exit status; -1 for a process that a signal ended.
        public var exitCode: Int32?
        /// False when a signal ended it.
        public var exited: Bool?
        /// `exit status 3` or `signal: killed`.
        public var status: String?
        /// The status again, when it is not success.
        public var error: String?

        public init(exitCode: Int32, exited: Bool, status: String, error: String? = nil) {
            self.exitCode = exitCode
            self.exited = exited
            self.status = status
            self.error = error
        }
    }

    public var start: Start?
    public var data: Output?
    public var end: End?
    public var keepalive: Empty?

    public static func start(pid: UInt32) -> ProcessEvent { ProcessEvent(start: Start(pid: pid)) }
    public static func data(_ output: Output) -> ProcessEvent { ProcessEvent(data: output) }
    public static func end(_ end: End) -> ProcessEvent { ProcessEvent(end: end) }
    public static let keepalive = ProcessEvent(keepalive: Empty())

    init(start: Start? = nil, data: Output? = nil, end: End? = nil, keepalive: Empty? = nil) {
        self.start = start
        self.data = data
        self.end = end
        self.keepalive = keepalive
    }
}

/// An event in the envelope that the wire wants around it.
public struct ProcessStreamEvent: Codable, Sendable, Hashable {
    public var event: ProcessEvent
    public init(_ event: ProcessEvent) { self.event = event }
}

/// Starts a process in a sandbox and streams its life.
public enum StartProcess: StreamingCall {
    public static let name = "process.Process/Start"
    public typealias Event = ProcessStreamEvent

    public struct Request: Codable, Sendable, Hashable {
        public var process: ProcessConfig
        public var pty: TerminalRequest?
        public var tag: String?
        /// False: `/dev/null`. True or absent: a pipe.
        public var stdin: Bool?
        /// Martlet's own: output is read at once and kept on the guest's disk until it is fetched, so that a slow reader
        /// never slows the process, and a later ``ConnectProcess`` gets what it missed.
        public var spool: Bool?
        /// Martlet's own: it goes on when the guest is released, and so runs in every sandbox of the template that is saved
        /// then.
        public var service: Bool?

        public init(
            process: ProcessConfig,
            pty: TerminalRequest? = nil,
            tag: String? = nil,
            stdin: Bool? = nil,
            spool: Bool? = nil,
            service: Bool? = nil
        ) {
            self.process = process
            self.pty = pty
            self.tag = tag
            self.stdin = stdin
            self.spool = spool
            self.service = service
        }
    }
}

/// Joins the stream of a process that runs.
public enum ConnectProcess: StreamingCall {
    public static let name = "process.Process/Connect"
    public typealias Event = ProcessStreamEvent

    public struct Request: Codable, Sendable, Hashable {
        public var process: ProcessSelector
        public init(process: ProcessSelector) { self.process = process }
    }
}

/// Lists the processes that were started through this service and still run.
public enum ListProcesses: UnaryCall {
    public static let name = "process.Process/List"
    public typealias Request = Empty

    public struct Entry: Codable, Sendable, Hashable {
        public var config: ProcessConfig
        public var pid: UInt32
        public var tag: String?

        public init(config: ProcessConfig, pid: UInt32, tag: String?) {
            self.config = config
            self.pid = pid
            self.tag = tag
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var processes: [Entry]
        public init(processes: [Entry]) { self.processes = processes }
    }
}

/// Changes the size of a process's terminal.
public enum UpdateProcess: UnaryCall {
    public static let name = "process.Process/Update"
    public typealias Response = Empty

    public struct Request: Codable, Sendable, Hashable {
        public var process: ProcessSelector
        public var pty: TerminalRequest?

        public init(process: ProcessSelector, pty: TerminalRequest?) {
            self.process = process
            self.pty = pty
        }
    }
}

/// Writes to a process's standard input or terminal.
public enum SendProcessInput: UnaryCall {
    public static let name = "process.Process/SendInput"
    public typealias Response = Empty

    public struct Request: Codable, Sendable, Hashable {
        public var process: ProcessSelector
        public var input: ProcessInput

        public init(process: ProcessSelector, input: ProcessInput) {
            self.process = process
            self.input = input
        }
    }
}

/// Writes a stream of input to a process; each message is applied as it arrives.
public enum StreamProcessInput: ClientStreamingCall {
    public static let name = "process.Process/StreamInput"
    public typealias Response = Empty

    /// First `start`, then any number of `data`.
    public struct Message: Codable, Sendable, Hashable {
        public struct Start: Codable, Sendable, Hashable {
            public var process: ProcessSelector
            public init(process: ProcessSelector) { self.process = process }
        }

        public struct Input: Codable, Sendable, Hashable {
            public var input: ProcessInput
            public init(input: ProcessInput) { self.input = input }
        }

        public var start: Start?
        public var data: Input?
        public var keepalive: Empty?

        public init(start: ProcessSelector) { self.start = Start(process: start) }
        public init(input: ProcessInput) { self.data = Input(input: input) }
    }
}

/// Sends a signal to a process.
public enum SignalProcess: UnaryCall {
    public static let name = "process.Process/SendSignal"
    public typealias Response = Empty

    public struct Request: Codable, Sendable, Hashable {
        public var process: ProcessSelector
        /// `SIGNAL_SIGTERM`, `SIGNAL_SIGKILL`, or, here only, `SIGNAL_SIGINT` and the like.
        public var signal: String

        public init(process: ProcessSelector, signal: String) {
            self.process = process
            self.signal = signal
        }

        public init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            process = try fields.decode(ProcessSelector.self, forKey: .process)
            // A name, or the number that the protocol has for it.
            if let number = try? fields.decode(Int32.self, forKey: .signal) {
                signal = [9: "SIGNAL_SIGKILL", 15: "SIGNAL_SIGTERM"][number] ?? String(number)
            } else {
                signal = try fields.text(.signal)
            }
        }
    }
}

/// Closes a process's standard input.
public enum CloseProcessInput: UnaryCall {
    public static let name = "process.Process/CloseStdin"
    public typealias Response = Empty

    public struct Request: Codable, Sendable, Hashable {
        public var process: ProcessSelector
        public init(process: ProcessSelector) { self.process = process }
    }
}
