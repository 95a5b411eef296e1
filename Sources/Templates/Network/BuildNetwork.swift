import Egress
import GuestLink
import Linux
import Sandboxes
import Synchronization
import Wire

/// The way out of one build's machine: what its steps may reach, and what they wanted to.
///
/// Every decision is in the build's log, the same one once for each step.
final class BuildNetwork: Sendable {
    private struct Place: Hashable {
        var host: String
        var port: UInt16?
        var isAllowed: Bool
        var word: String
    }

    private struct State {
        var step = ""
        var told: Set<Place> = []
        /// What the step was refused, in words.
        var refusals: [String] = []
        var hasRefused = false
    }

    /// Places of one step that are told apart; a step that scans the internet does not fill the log.
    private static let placeLimit = 100

    private let egress: SandboxEgress
    private let nameLines = SandboxEgress.nameLines()
    private let notes: Notes

    /// - Parameter id: the build's.
    init(_ policy: EgressPolicy, _ outside: Outside, id: String, log: BuildLog) {
        let notes = Notes(log)
        self.notes = notes
        egress = SandboxEgress(
            sandboxID: id,
            policy: policy,
            resolver: outside.resolver,
            connect: outside.connect,
            note: { notes.add($0) }
        )
    }

    /// Whether this build was refused something by its policy: with another one its steps might have made something else.
    var hasRefused: Bool { notes.state.withLock { $0.hasRefused } }

    /// Goes on from a step of which that is known.
    func noteRefused() { notes.state.withLock { $0.hasRefused = true } }

    /// What the step was refused, as the end of the sentence that says that it failed; empty when nothing was.
    var explanation: String {
        let refusals = notes.state.withLock { $0.refusals }
        guard !refusals.isEmpty else { return "" }
        let more = refusals.count > 3 ? " and \(refusals.count - 3) more" : ""
        return
            "; it may not reach \(refusals.prefix(3).joined(separator: ", "))\(more): allow it, or copy what is needed"
    }

    /// Runs `body` with the way out open for what it runs in the guest.
    func open<Result: Sendable>(
        to guest: GuestLink,
        during step: String,
        _ body: @Sendable @escaping () async throws -> Result
    ) async throws -> Result {
        notes.begin(step)
        return try await guest.withTunnels(carry, body)
    }

    private func carry(_ opening: TunnelOpening, _ stream: any ByteStream) async {
        if opening.kind == .gateway { notes.addGateway() }
        await egress.carry(opening, stream, nameLines: nameLines)
        stream.close()
    }

    /// What is told of decisions.
    private final class Notes: Sendable {
        let state = Mutex(State())
        private let log: BuildLog

        init(_ log: BuildLog) {
            self.log = log
        }

        func begin(_ step: String) {
            state.withLock { state in
                state.step = step
                state.told = []
                state.refusals = []
            }
        }

        func addGateway() {
            guard let step = isNew(Place(host: "", port: nil, isAllowed: false, word: "gateway")) else { return }
            log.add(.warn, "network: the model's endpoint is there for sandboxes, and not for builds", step: step)
        }

        func add(_ event: EgressEvent) {
            guard let host = event.name?.text ?? event.address.map({ "\($0)" }) else { return }
            let shown = event.port.map { "\(host):\($0)" } ?? host
            var place = Place(host: host, port: event.port, isAllowed: event.decision.isAllowed, word: "")
            switch event.kind {
            case .unreachable(let cause):
                place.word = "unreachable"
                guard let step = isNew(place) else { return }
                log.add(.warn, "network: \(shown) can not be reached from this host: \(cause)", step: step)
            case .question, .connection, .cut:
                if event.decision.isAllowed { addAllowed(event, place, shown) } else { addRefused(event, place, shown) }
            case .changed, .misplaced, .ended: break
            }
        }

        private func addAllowed(_ event: EgressEvent, _ place: Place, _ shown: String) {
            // A name that was found is a step of the connection that follows.
            guard case .connection = event.kind, let step = isNew(place) else { return }
            log.add(.debug, "network: \(shown) is reached, \(event.decision)", step: step)
        }

        private func addRefused(_ event: EgressEvent, _ place: Place, _ shown: String) {
            if event.decision.isByPolicy {
                state.withLock { state in
                    state.hasRefused = true
                    let words = "'\(shown)' (\(event.decision))"
                    if !state.refusals.contains(words), state.refusals.count < BuildNetwork.placeLimit {
                        state.refusals.append(words)
                    }
                }
            }
            guard let step = isNew(place) else { return }
            // Tools ask for much besides addresses, and do without an answer.
            let level: TemplateLogLine.Level = event.decision.by == .platform(.questionKind) ? .debug : .warn
            let advice = event.decision.advice(on: place.host).map { "; \($0)" } ?? ""
            log.add(level, "network: \(shown) is refused, \(event.decision)\(advice)", step: step)
        }

        /// The step, if this was not told in it.
        private func isNew(_ place: Place) -> String? {
            state.withLock { state in
                guard state.told.count < BuildNetwork.placeLimit, state.told.insert(place).inserted else { return nil }
                return state.step
            }
        }
    }
}

extension EgressDecision {
    /// Whether another policy could have decided otherwise.
    fileprivate var isByPolicy: Bool {
        switch by {
        case .rule, .fallback: true
        case .platform(let ground):
            switch ground {
            case .closedAddress, .mail, .noName, .nameMismatch, .git: true
            case .transport, .questionKind, .unresolved, .malformed, .tooManyConnections, .misplaced: false
            }
        }
    }

    /// What a person can do who wants it otherwise.
    fileprivate func advice(on host: String) -> String? {
        switch by {
        case .fallback, .platform(.noName):
            "'martlet template build --allow \(host)' allows it, and for all builds 'martlet serve --build-allow \(host)'"
        case .platform(.closedAddress): "an address outside the public internet is opened by naming it: --allow ADDRESS"
        case .rule, .platform: nil
        }
    }
}
