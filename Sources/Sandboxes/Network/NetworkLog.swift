import Egress
import Synchronization
import Wire

/// What one sandbox tried to reach: the newest events, and the sums by place. Bounded, whatever the guest does.
package final class NetworkLog: Sendable {
    private static let eventLimit = 1000
    fileprivate static let placeLimit = 200

    fileprivate struct Place: Hashable {
        let host: String
        let port: UInt16?
        let decision: EgressDecision
    }

    fileprivate struct State {
        var events: [NetworkEvent] = []
        var last: UInt64 = 0
        var uses: [Place: NetworkUse] = [:]
        /// In the order in which they were first used.
        var places: [Place] = []
    }

    private let state = Mutex(State())

    package func events(after sequence: UInt64 = 0) -> [NetworkEvent] {
        state.withLock { Array($0.events.drop { $0.sequence <= sequence }) }
    }

    /// The sums, in the order of their beginnings; beyond a number of places new ones are not counted.
    package var uses: [NetworkUse] { state.withLock { state in state.places.compactMap { state.uses[$0] } } }

    func add(_ event: EgressEvent) {
        state.withLock { state in
            state.last += 1
            state.events.append(NetworkEvent(event, sequence: state.last))
            if state.events.count > Self.eventLimit + Self.eventLimit / 4 {
                state.events.removeFirst(state.events.count - Self.eventLimit)
            }
            state.sum(event)
        }
    }
}

extension NetworkLog.State {
    fileprivate mutating func sum(_ event: EgressEvent) {
        guard let host = event.name?.text ?? event.address.map({ "\($0)" }) else { return }
        // A name that was found is a step of the connection that follows.
        if case .question = event.kind, event.decision.isAllowed { return }
        switch event.kind {
        case .changed, .misplaced: return
        case .question, .connection, .unreachable, .ended, .cut: break
        }
        // Neither is one of which this host could not find out where it leads.
        if case .unreachable = event.kind, event.address == nil { return }
        let place = NetworkLog.Place(host: host, port: event.port, decision: event.decision)
        if uses[place] == nil {
            guard places.count < NetworkLog.placeLimit else { return }
            places.append(place)
            uses[place] = NetworkUse(
                host: host,
                port: event.port,
                isAllowed: event.decision.isAllowed,
                reason: event.decision.by.description
            )
        }
        switch event.kind {
        case .question, .connection: uses[place]?.count += 1
        case .unreachable, .changed, .misplaced: break
        case .ended(let sent, let received), .cut(let sent, let received):
            uses[place]?.sent += sent
            uses[place]?.received += received
        }
    }
}

extension NetworkEvent {
    init(_ event: EgressEvent, sequence: UInt64) {
        let kind: Kind =
            switch event.kind {
            case .question: .question
            case .connection: .connection
            case .changed: .changed
            case .misplaced: .misplaced
            case .unreachable: .unreachable
            case .ended: .ended
            case .cut: .cut
            }
        self.init(
            sequence: sequence,
            time: event.time,
            kind: kind,
            isAllowed: event.decision.isAllowed,
            reason: event.decision.by.description
        )
        name = event.name?.text
        address = event.address.map { "\($0)" }
        port = event.port
        switch event.kind {
        case .question, .connection, .changed, .misplaced: break
        case .unreachable(let reason): error = reason
        case .ended(let sent, let received), .cut(let sent, let received): (self.sent, self.received) = (sent, received)
        }
    }
}
