// The host's end of everything that leaves one sandbox.
//
//     a guest's question for a name ──► policy ──► resolver ──► answer, without closed addresses; remembered
//     a guest's connection          ──► policy ──► address that was checked ──► bytes, both ways
//                                        │ ▲
//                                        ▼ │ where only a name can decide: SNI or Host, from the first bytes,
//                                          │ which must lead to this very address
//
// A name is resolved here, once, and the connection goes to the address that was decided about: there is no second question
// whose answer could differ.

import FoundationEssentials
import Linux
import Synchronization

/// What one sandbox may reach, and the connections it has.
///
/// *Concurrency.* `state` is behind its lock; each connection is one task, the caller's.
package final class SandboxEgress: Sendable {
    package struct Limits: Sendable {
        package var connections = 1000
        /// For a client to say whom it wants, where only that can decide.
        package var firstWords = Duration.seconds(5)
        package var connect = Duration.seconds(30)

        package init() {}
    }

    struct State {
        var policy: CompiledPolicy
        var answered = AnsweredNames()
        /// Connections that are carried or yet to be decided about.
        var count = 0
        var nextKey = 0
        var connections: [Int: OpenConnection] = [:]
    }

    package let sandboxID: String
    let resolver: any NameResolving
    let host: HostAddresses
    let limits: Limits
    let connect: @Sendable (IPAddress, UInt16) async throws -> any ByteStream
    let opening: (@Sendable () throws -> RequestOpening)?
    private let note: @Sendable (EgressEvent) -> Void
    let state: Mutex<State>

    /// - Parameters:
    ///   - connect: how an address is reached; a test's may lead elsewhere.
    ///   - opening: what it takes to open requests to hosts with rules; nil opens none.
    ///   - note: told of every decision, before it takes effect.
    package init(
        sandboxID: String,
        policy: EgressPolicy,
        resolver: any NameResolving,
        host: HostAddresses = HostAddresses(),
        limits: Limits = Limits(),
        connect: @escaping @Sendable (IPAddress, UInt16) async throws -> any ByteStream = {
            try await Channel.connect(to: .tcp("\($0)", $1))
        },
        opening: (@Sendable () throws -> RequestOpening)? = nil,
        note: @escaping @Sendable (EgressEvent) -> Void
    ) {
        self.sandboxID = sandboxID
        self.resolver = resolver
        self.host = host
        self.limits = limits
        self.connect = connect
        self.opening = opening
        self.note = note
        state = Mutex(State(policy: CompiledPolicy(policy)))
    }

    /// The policy; a new one holds at once, also for the connections that are open.
    package var policy: EgressPolicy {
        get { compiled.policy }
        set {
            let compiled = CompiledPolicy(newValue)
            let host = host.current
            let closed = state.withLock { state in
                state.policy = compiled
                return state.connections.values.filter { !$0.isAllowed(by: compiled, host) }
            }
            for connection in closed { connection.cut() }
        }
    }

    var compiled: CompiledPolicy { state.withLock { $0.policy } }

    /// Ends all connections.
    package func close() {
        let open = state.withLock { Array($0.connections.values) }
        for connection in open { connection.cut() }
    }

    /// Answers one message to the sandbox's name server; nil for what is not worth an answer.
    package func answer(dns message: [UInt8]) async -> [UInt8]? {
        switch DNSQuestion.read(message) {
        case .ignored: return nil
        case .malformed(let id): return DNSAnswer.malformed(id: id)
        case .question(let question): return await answer(question).encoded(to: question)
        }
    }

    /// Serves the sandbox's name server on a stream, where each message stands behind its length, as DNS over TCP has it.
    package func serveDNS(_ stream: any ByteStream) async {
        var input: [UInt8] = []
        while let bytes = try? await stream.read(), !bytes.isEmpty {
            input += bytes
            while input.count >= 2 {
                let end = 2 + Int(input[0]) << 8 + Int(input[1])
                guard end <= 2 + DNSQuestion.limit else { return stream.close() }
                guard input.count >= end else { break }
                let answer = await answer(dns: Array(input[2..<end]))
                input.removeFirst(end)
                guard let answer else { return stream.close() }
                let length = [UInt8(answer.count >> 8), UInt8(answer.count & 255)]
                guard (try? await stream.write(length + answer)) != nil else { return stream.close() }
            }
        }
        stream.close()
    }

    private func answer(_ question: DNSQuestion) async -> DNSAnswer {
        guard question.kind == .a || question.kind == .aaaa else {
            tell(.question(question.name), .denied(.platform(.questionKind)), question.name)
            return DNSAnswer(.refused)
        }
        guard let name = question.name else {
            tell(.question(nil), .denied(.platform(.malformed)))
            return DNSAnswer(.noSuchName)
        }
        let decision = compiled.decide(lookingUp: name)
        // A question that is passed on tells something to whoever owns the name: what is denied is not even asked.
        guard decision.isAllowed else {
            tell(.question(name), decision, name)
            return DNSAnswer(.noSuchName)
        }
        let found: [IPAddress]
        do {
            found = try await resolver.addresses(of: name)
        } catch {
            tell(.unreachable("\(error)"), decision, name)
            return DNSAnswer(.serverFailure)
        }
        let (policy, host) = (compiled, host.current)
        let open = found.filter { policy.canReach($0, host) }
        guard !open.isEmpty else {
            let ground = found.first.flatMap { ClosedAddresses.kind(of: $0, host: host) }
            tell(.question(name), .denied(.platform(ground.map { .closedAddress($0) } ?? .unresolved)), name)
            return DNSAnswer(.noSuchName)
        }
        state.withLock { $0.answered.add(name, open) }
        tell(.question(name), decision, name)
        let wanted = open.filter { $0.isV4 == (question.kind == .a) && ($0.isV4 || self.host.hasV6) }
        return DNSAnswer(.success, wanted, lifetime: SystemResolver.lifetime)
    }

    func tell(
        _ kind: EgressEvent.Kind,
        _ decision: EgressDecision,
        _ name: DomainName? = nil,
        _ address: IPAddress? = nil,
        _ port: UInt16? = nil
    ) {
        note(
            EgressEvent(
                time: Date(),
                sandboxID: sandboxID,
                kind: kind,
                name: name,
                address: address,
                port: port,
                decision: decision
            )
        )
    }
}
