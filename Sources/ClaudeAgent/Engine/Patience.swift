/// Decides what has taken too long. A value without a clock: the time is told to it.
struct Patience: Sendable {
    /// What there is to do now.
    enum Step: Sendable, Hashable {
        case wait
        /// The run counts as settled, whatever tasks there still are.
        case settle
        /// The program is taken for dead.
        case fail
        /// The program was to end and does not.
        case end
    }

    let limits: AgentLimits

    /// - Parameters:
    ///   - quiet: since when nothing came from the program.
    ///   - inputEnded: since when it has no input; nil as long as it has.
    ///   - isAsked: whether the program waits for something of ours.
    func step(
        _ progress: RunProgress,
        now: ContinuousClock.Instant,
        quiet: ContinuousClock.Instant,
        inputEnded: ContinuousClock.Instant?,
        isAsked: Bool
    ) -> Step {
        if isAsked { return .wait }
        if let inputEnded, progress.isSettled || progress.promptCount == 0 {
            return now - max(quiet, inputEnded) > limits.ending ? .end : .wait
        }
        if progress.isSettled { return .wait }
        if progress.promptCount == 0 { return .wait }
        if progress.openPrompts.isEmpty, progress.result != nil {
            return limits.afterResult.map { now - quiet > $0 ? .settle : .wait } ?? .wait
        }
        return limits.silence.map { now - quiet > $0 ? .fail : .wait } ?? .wait
    }

    /// How often to look: often enough for the shortest limit, and not more.
    var interval: Duration {
        let shortest = [limits.silence, limits.afterResult, limits.ending].compactMap(\.self).min() ?? .seconds(1)
        return max(.milliseconds(5), min(.seconds(1), shortest / 8))
    }
}
