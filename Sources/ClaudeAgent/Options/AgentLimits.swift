/// How long and how much this program bears. Each `nil` waits, or takes, without end.
public struct AgentLimits: Sendable, Hashable {
    public init() {}

    /// From the start to the program's first answer.
    public var startup: Duration? = .seconds(60)
    /// Without a byte from the program while it works on a prompt. Longer than the program's own patience with the model's API
    /// (five minutes) and with a command (ten). Time in which this program is to answer something does not count.
    public var silence: Duration? = .seconds(15 * 60)
    /// Without a byte between a result and the end of the tasks in the background.
    public var afterResult: Duration? = .seconds(10 * 60)
    /// Without a byte between the end of the input and the end of the program.
    public var ending: Duration = .seconds(30)
    /// For each step of closing: the end of the input, SIGTERM, SIGKILL.
    public var closing: Duration = .seconds(5)
    /// For an answer of the program to a request such as a change of the model.
    public var request: Duration? = .seconds(60)
    /// For an answer of your own functions. One that takes longer counts as a refusal; one that asks a person may need hours.
    public var callback: Duration? = .seconds(60 * 60)
    /// Bytes of one line of the program's output, which is one message. Read, it takes up to ten times the memory.
    public var line = 128 * 1024 * 1024
    /// Bytes of messages that nobody took. More of them fail the session, since the output must be read or the program loses
    /// it; where the place of the program keeps its output, as a sandbox does, the reading waits instead.
    public var unread = 256 * 1024 * 1024
}
