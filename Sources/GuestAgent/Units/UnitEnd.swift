import Glibc
import Linux
import Wire

/// How one run of a unit's commands ended by itself.
enum UnitEnd: Sendable, Hashable {
    case status(Int32)
    case signal(Int32)
    /// Its start took longer than it may.
    case lateStart(Double)
    /// It was silent for longer than its watchdog allows.
    case silence(Double)
    /// Its program could not be started; a whole sentence.
    case notStarted(String)

    init(_ ending: GuestProcess.Ending) {
        switch ending {
        case .status(.exited(let status), _): self = .status(status)
        case .status(.signalled(let signal), _): self = .signal(signal)
        case .overtime: self = .signal(SIGKILL)
        }
    }

    /// Whether it ended as it should: a service may also be asked to by a signal.
    func isSuccess(of kind: Unit.Kind) -> Bool {
        switch self {
        case .status(let status): status == 0
        case .signal(let signal): kind == .service && [SIGHUP, SIGINT, SIGTERM, SIGPIPE].contains(signal)
        case .lateStart, .silence, .notStarted: false
        }
    }

    /// As a shell tells it; nil where no program has ended by itself.
    var code: Int32? {
        switch self {
        case .status(let status): status
        case .signal(let signal): 128 + signal
        case .lateStart, .silence, .notStarted: nil
        }
    }

    /// A whole sentence.
    var words: String {
        switch self {
        case .status(let status): "It ended with status \(status)"
        case .signal(let signal): "It was ended by signal \(signal)"
        case .lateStart(let seconds): "It had not started within \(Self.text(seconds)), and was killed"
        case .silence(let seconds): "Its watchdog heard nothing for \(Self.text(seconds)), and it was killed"
        case .notStarted(let reason): reason
        }
    }

    static func text(_ seconds: Double) -> String {
        seconds == seconds.rounded() && seconds < 1e9 ? "\(Int(seconds)) s" : "\(seconds) s"
    }
}

extension RestartRule {
    /// Whether a unit that ended so is to be started again.
    func asks(after end: UnitEnd, of kind: Unit.Kind) -> Bool {
        let isSuccess = end.isSuccess(of: kind)
        switch policy {
        case .never: return false
        case .always: return true
        case .onSuccess: return isSuccess
        case .onFailure: return !isSuccess
        case .onAbnormal, .onAbort, .onWatchdog:
            switch end {
            case .status, .notStarted: return false
            case .signal: return !isSuccess && policy != .onWatchdog
            case .lateStart: return policy == .onAbnormal
            case .silence: return policy != .onAbort
            }
        }
    }
}

/// When a unit was started, so that one which ends again and again is given up.
struct StartHistory: Sendable {
    private var starts: [ContinuousClock.Instant] = []

    /// Takes note of a start.
    ///
    /// - Returns: false when there were too many of late, and this one is not to be.
    mutating func admit(at now: ContinuousClock.Instant, _ rule: RestartRule) -> Bool {
        guard rule.burst > 0 else { return true }
        starts = starts.filter { now - $0 < .seconds(rule.interval) }
        guard starts.count < rule.burst else { return false }
        starts.append(now)
        return true
    }
}
