import Wire

/// The order of candidates: what may be used first, then the judge's score, then what took fewer attempts, then the cheaper, then
/// the one that was forked first.
enum Ranking {
    static func sorted(_ candidates: [RunReport]) -> [RunReport] {
        candidates.enumerated().sorted { one, other in
            let (a, b) = (one.element, other.element)
            if rank(a) != rank(b) { return rank(a) < rank(b) }
            let (first, second) = (a.score ?? -.infinity, b.score ?? -.infinity)
            if first != second { return first > second }
            if a.attempts.count != b.attempts.count { return a.attempts.count < b.attempts.count }
            let (cheap, dear) = (a.costUSD ?? .infinity, b.costUSD ?? .infinity)
            return cheap != dear ? cheap < dear : one.offset < other.offset
        }.map(\.element)
    }

    /// What is known by now is worth more than how it came.
    private static func rank(_ report: RunReport) -> Int {
        switch report.outcome {
        case .valid, .repaired: 0
        case .degenerate: 1
        case .invalid, .noResult, .maxTurns, .budget, .timedOut, .refused: 2
        case .agentFailed, .sandboxFailed, .cancelled, nil: 3
        }
    }
}
