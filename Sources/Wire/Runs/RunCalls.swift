import FoundationEssentials

/// What happens in a run, as it happens; each event has one of its members.
public struct RunEvent: Codable, Sendable, Hashable {
    /// The steps of a run, in their order.
    public enum Step: String, Codable, Sendable, Hashable, CaseIterable {
        case create, copyIn, tool, agent, result, collect, teardown
    }

    public struct StepChange: Codable, Sendable, Hashable {
        public var step: Step
        /// Nil when the step begins; milliseconds it took when it ends.
        public var milliseconds: Int?
        /// What was done, in a few words.
        public var detail: String?

        public init(step: Step, milliseconds: Int?, detail: String?) {
            self.step = step
            self.milliseconds = milliseconds
            self.detail = detail
        }
    }

    public struct Progress: Codable, Sendable, Hashable {
        public var turns: Int
        public var tokens: Int
        public var costUSD: Double?
        /// The tool that the agent has just called.
        public var tool: String?
        /// What it was called with, in one line.
        public var detail: String?

        public init(turns: Int, tokens: Int, costUSD: Double?, tool: String?, detail: String?) {
            self.turns = turns
            self.tokens = tokens
            self.costUSD = costUSD
            self.tool = tool
            self.detail = detail
        }
    }

    public struct Started: Codable, Sendable, Hashable {
        public var id: String
        public init(id: String) { self.id = id }
    }

    public var started: Started?
    public var step: StepChange?
    public var progress: Progress?
    /// An event of the agent itself, as it wrote it.
    public var agent: JSONValue?
    public var attempt: RunReport.Attempt?
    public var warning: String?
    /// The last event.
    public var report: RunReport?
    /// Nothing happened for a while.
    public var keepalive: Empty?

    public init() {}

    public static func started(_ id: String) -> RunEvent { with { $0.started = Started(id: id) } }
    public static func step(_ change: StepChange) -> RunEvent { with { $0.step = change } }
    public static func progress(_ progress: Progress) -> RunEvent { with { $0.progress = progress } }
    public static func agent(_ event: JSONValue) -> RunEvent { with { $0.agent = event } }
    public static func attempt(_ attempt: RunReport.Attempt) -> RunEvent { with { $0.attempt = attempt } }
    public static func warning(_ text: String) -> RunEvent { with { $0.warning = text } }
    public static func report(_ report: RunReport) -> RunEvent { with { $0.report = report } }
    public static let keepalive = with { $0.keepalive = Empty() }

    private static func with(_ set: (inout RunEvent) -> Void) -> RunEvent {
        var event = RunEvent()
        set(&event)
        return event
    }
}

/// Runs an agent. When ``RunOptions/hasFiles`` is set, a tar stream of its working directory follows the request's message,
/// to the end of the body. Closing the connection cancels the run.
public enum StartRun: StreamingCall {
    public static let name = "martlet.v1.Runs/Start"
    public typealias Request = RunOptions
    public typealias Event = RunEvent
}

/// Stops a run; its stream ends with the report.
public enum CancelRun: UnaryCall {
    public static let name = "martlet.v1.Runs/Cancel"
    public typealias Request = RunReference
    public typealias Response = Empty
}

/// Names a run: its id, or enough of its beginning.
public struct RunReference: Codable, Sendable, Hashable {
    public var id: String
    public init(id: String) { self.id = id }
}

/// Tells about one run.
public enum GetRun: UnaryCall {
    public static let name = "martlet.v1.Runs/Get"
    public typealias Request = RunReference
    public typealias Response = RunReport
}

/// Lists the runs, the newest first.
public enum ListRuns: UnaryCall {
    public static let name = "martlet.v1.Runs/List"

    public struct Request: Codable, Sendable, Hashable {
        public var limit: Int
        public init(limit: Int) { self.limit = limit }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var runs: [RunReport]
        public init(runs: [RunReport]) { self.runs = runs }
    }
}

/// Gives a run's transcript, line by line.
public enum ReadTranscript: StreamingCall {
    public static let name = "martlet.v1.Runs/Transcript"
    public typealias Request = RunReference
    public typealias Event = JSONValue
}

/// Removes what a run left.
public enum RemoveRun: UnaryCall {
    public static let name = "martlet.v1.Runs/Remove"
    public typealias Request = RunReference
    public typealias Response = Empty
}
