/// What to do when a later step fails, run in reverse.
struct UndoStack {
    private var steps: [@Sendable () async -> Void] = []

    mutating func add(_ step: @escaping @Sendable () async -> Void) {
        steps.append(step)
    }

    func run() async {
        // In a task of its own: a cancelled create must still undo what it did.
        let steps = steps
        await Task { for step in steps.reversed() { await step() } }.value
    }
}
