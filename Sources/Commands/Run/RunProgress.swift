import Wire

/// What a person sees of a run while it goes on.
struct RunProgress: ProgressModel {
    enum Event: Sendable {
        /// From the daemon.
        case run(RunEvent)
        /// A step that this command does itself.
        case began(String)
        case ended(String, milliseconds: Int, detail: String?)
        /// What the step that goes on is at.
        case detail(String)
        case note(String)
    }

    let isLive: Bool
    let style: Style

    private var step: String?
    private var detail: String?
    private var progress: RunEvent.Progress?

    init(isLive: Bool, style: Style) {
        self.isLive = isLive
        self.style = style
    }

    mutating func take(_ event: Event, at elapsed: Duration) -> [String] {
        switch event {
        case .run(let event): return take(event)
        case .began(let name):
            step = name
            detail = nil
            return []
        case .ended(let name, let milliseconds, let detail):
            step = nil
            self.detail = nil
            return [finished(name, milliseconds, detail)]
        case .detail(let text):
            detail = TerminalText.line(text)
            return []
        case .note(let text): return [note(text)]
        }
    }

    private mutating func take(_ event: RunEvent) -> [String] {
        if let change = event.step { return take(change) }
        if let progress = event.progress { return take(progress) }
        if let attempt = event.attempt, !attempt.isValid {
            let fault = attempt.faults.first ?? "it does not fit the schema"
            let more = attempt.faults.count > 1 ? " (and \(attempt.faults.count - 1) more)" : ""
            return [note("a result was refused: \(fault)\(more)")]
        }
        if let warning = event.warning { return [note(warning)] }
        if let started = event.started, !isLive { return ["run: \(TerminalText.line(started.id))"] }
        return []
    }

    private mutating func take(_ change: RunEvent.StepChange) -> [String] {
        let name = Self.name(change.step)
        guard let milliseconds = change.milliseconds else {
            step = name
            detail = change.detail.map(TerminalText.line)
            return []
        }
        step = nil
        detail = nil
        return [finished(name, milliseconds, change.detail)]
    }

    private mutating func take(_ progress: RunEvent.Progress) -> [String] {
        self.progress = progress
        guard let tool = progress.tool else { return [] }
        detail = TerminalText.line([tool, progress.detail].compactMap { $0 }.joined(separator: " "))
        guard !isLive else { return [] }
        return [(["agent: \(TerminalText.clipped(detail ?? "", to: 100))"] + figures).joined(separator: ", ")]
    }

    func status(at elapsed: Duration) -> String? {
        guard let step else { return nil }
        let frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]
        let frame = frames[Int(elapsed / .milliseconds(200)) % frames.count]
        // What grows stands behind what does not, so that a narrow terminal still shows the figures.
        let figures = ([step] + figures + [Readable.clock(elapsed)]).joined(separator: " · ")
        return "\(frame) \(figures)\(detail.map { " · \($0)" } ?? "")"
    }

    private var figures: [String] {
        guard let progress else { return [] }
        return [Readable.plural(progress.turns, "turn"), "\(Readable.count(progress.tokens)) tokens"]
            + [progress.costUSD.map(Readable.dollars)].compactMap { $0 }
    }

    private func finished(_ name: String, _ milliseconds: Int, _ detail: String?) -> String {
        let time = Readable.time(milliseconds: milliseconds)
        let detail = detail.map(TerminalText.line) ?? ""
        guard isLive else { return "\(name): \(time)\(detail.isEmpty ? "" : " (\(detail))")" }
        let padded = name + String(repeating: " ", count: max(0, Self.nameWidth - name.count))
        return "\(style.green("✓")) \(padded)  \(time)\(detail.isEmpty ? "" : "  \(style.dim(detail))")"
    }

    private func note(_ text: String) -> String {
        let text = TerminalText.line(text)
        return isLive ? "\(style.yellow("!")) \(text)" : "note: \(text)"
    }

    private static let nameWidth = (RunEvent.Step.allCases.map { name($0).count }.max() ?? 0)

    static func name(_ step: RunEvent.Step) -> String {
        switch step {
        case .create: "sandbox"
        case .copyIn: "files"
        case .tool: "result tool"
        case .agent: "agent"
        case .result: "result"
        case .collect: "collect"
        case .teardown: "teardown"
        }
    }
}
