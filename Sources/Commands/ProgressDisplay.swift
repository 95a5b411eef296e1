import Linux

/// What is shown of something that takes its time, as a value: events in, lines out.
protocol ProgressModel: Sendable {
    associatedtype Event: Sendable
    /// Takes in an event and gives the lines that stay.
    mutating func take(_ event: Event, at elapsed: Duration) -> [String]
    /// The line that is drawn again and again on a terminal; nil when there is nothing to say.
    func status(at elapsed: Duration) -> String?
}

/// Who watches the progress.
enum Audience: Sendable, Hashable {
    /// A terminal: one line at the bottom is redrawn.
    case terminal
    /// A file or another program: lines only.
    case pipe
    case nobody
}

/// Shows progress on standard error.
actor ProgressDisplay<Model: ProgressModel> {
    private var model: Model
    private let audience: Audience
    private let style: Style
    private let width: @Sendable () -> Int
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    /// What stands on the terminal's last line.
    private var drawn = ""
    private var isShowing = false

    init(_ model: Model, for audience: Audience, style: Style, width: @Sendable @escaping () -> Int) {
        self.model = model
        self.audience = audience
        self.style = style
        self.width = width
        start = clock.now
    }

    /// Shows progress until `body` has ended, and then takes the live line away.
    func showing<Result: Sendable>(_ body: @Sendable @escaping () async throws -> Result) async throws -> Result {
        guard audience == .terminal else { return try await body() }
        isShowing = true
        do {
            let result = try await withThrowingTaskGroup(of: Result?.self) { group in
                group.addTask { try await body() }
                group.addTask {
                    while !Task.isCancelled {
                        await self.draw()
                        try await Task.sleep(for: .milliseconds(200))
                    }
                    return nil
                }
                defer { group.cancelAll() }
                while let next = try await group.next() { if let next { return next } }
                throw CancellationError()
            }
            await clear()
            return result
        } catch {
            await clear()
            throw error
        }
    }

    func take(_ event: Model.Event) async {
        let lines = model.take(event, at: clock.now - start)
        if audience == .nobody || lines.isEmpty { return }
        var text = drawn.isEmpty ? "" : "\r\u{1B}[K"
        for line in lines { text += line + "\n" }
        drawn = ""
        // A person who has closed the terminal misses the progress, not the result.
        try? await StandardStream.error.write(text)
        await draw()
    }

    private func draw() async {
        guard isShowing, let status = model.status(at: clock.now - start) else { return }
        let line = TerminalText.clipped(status, to: max(20, width() - 1))
        if line == drawn { return }
        drawn = line
        try? await StandardStream.error.write("\r\(style.dim(line))\u{1B}[K")
    }

    private func clear() async {
        isShowing = false
        if drawn.isEmpty { return }
        drawn = ""
        try? await StandardStream.error.write("\r\u{1B}[K")
    }
}
