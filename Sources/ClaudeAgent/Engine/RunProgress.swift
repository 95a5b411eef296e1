import Wire

/// Knows when a run is over. A value: messages go in.
///
/// A result ends a turn and not always the run: tasks in the background go on, wake the agent, and need this program's
/// answers. So a run has settled when every prompt has its result, no agent works in the background, and the session says
/// that it is idle, in whatever order these come. A program that never tells its state is taken at its result.
struct RunProgress: Sendable {
    /// Prompts without a result, oldest first.
    private(set) var openPrompts: [String] = []
    /// How many prompts were sent.
    private(set) var promptCount = 0
    /// Tasks whose end wakes the agent. A shell in the background does not, and may never end.
    private(set) var tasks: Set<String> = []
    /// The last result since the last prompt was sent; there may be prompts that still have none.
    private(set) var result: ResultMessage?
    private var state: String?
    private var wasGivenUp = false

    private static let wakingTasks: Set<String> = ["local_agent", "local_workflow"]
    private static let endings: Set<String> = ["completed", "failed", "stopped", "killed"]
    /// What a prompt goes through on the way to its result. Any other state means that it gets none.
    private static let livingPrompts: Set<String> = ["queued", "started", "completed"]

    var isSettled: Bool {
        guard promptCount > 0 else { return false }
        if wasGivenUp { return true }
        return openPrompts.isEmpty && tasks.isEmpty && (state == "idle" || state == nil && result != nil)
    }

    mutating func sent(prompt: String) {
        openPrompts.append(prompt)
        promptCount += 1
        result = nil
        wasGivenUp = false
    }

    /// A prompt that did not reach the program.
    mutating func unsent(prompt: String) {
        openPrompts.removeAll { $0 == prompt }
    }

    mutating func note(_ message: AgentMessage) {
        switch message {
        case .result(let message):
            let answered = Set(message.promptIDs)
            if openPrompts.contains(where: answered.contains) {
                openPrompts.removeAll(where: answered.contains)
            } else if answered.isEmpty, message.raw["origin"] == nil, !openPrompts.isEmpty {
                // An older program does not say which.
                openPrompts.removeFirst()
            }
            result = message
        case .promptState(let prompt):
            if let id = prompt.promptID, let state = prompt.state, !Self.livingPrompts.contains(state) {
                openPrompts.removeAll { $0 == id }
            }
        case .state(let message):
            state = message.state
            if !message.isIdle { wasGivenUp = false }
        case .task(let task):
            note(task)
        case .started, .status, .assistant, .user, .partial, .hook, .retry, .permissionDenied, .rateLimit, .unknown:
            break
        }
    }

    private mutating func note(_ task: TaskMessage) {
        guard let id = task.taskID, let kind = task.kind else { return }
        switch kind {
        case .started: if let type = task.taskType, Self.wakingTasks.contains(type) { tasks.insert(id) }
        case .ended: tasks.remove(id)
        case .updated: if let status = task.status, Self.endings.contains(status) { tasks.remove(id) }
        case .progress: break
        }
    }

    /// Takes the run for settled, after a wait in which nothing came.
    mutating func giveUpWaiting() {
        if result != nil, openPrompts.isEmpty { wasGivenUp = true }
    }
}
