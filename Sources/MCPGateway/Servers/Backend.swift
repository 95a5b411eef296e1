// One server behind the gateway: started, greeted, listed, asked, and started again when it ends.
//
//     starting ──► up ──► down ──► starting …        each time after a longer pause, until it has stayed up for a minute
//
// Whoever asks while it is down waits a while for it to come up. What was asked of one that ends is answered with an error.

import Linux
import Synchronization
import Wire

final class Backend: Sendable {
    let plan: ServerPlan
    private let version: String
    private let open: @Sendable () async throws -> any ServerLine
    /// Whether clients hear why the server is not there, with its last words.
    private let tellsWhy: Bool
    /// Told of what the server says to everybody.
    private let tellAll: @Sendable (JSONValue) -> Void

    private struct Pending {
        let answer = Latch<Result<JSONValue, RPCFailure>>()
        let progress: (@Sendable (JSONValue) -> Void)?
    }

    private enum Phase {
        /// Set when it is up. Becomes `up`, or stays.
        case down(Latch<Void>, reason: String?)
        /// Becomes `down` when the line ends.
        case up(any ServerLine, Offer)
    }

    private struct State {
        var phase = Phase.down(Latch(), reason: nil)
        var pending: [Int64: Pending] = [:]
        var nextID: Int64 = 1
        /// Messages that nobody asked for, in this second.
        var unasked = (second: ContinuousClock.now, count: 0)
    }

    private let state = Mutex(State())
    /// How its first start went.
    let started = Latch<Result<Void, ServerFailure>>()

    /// - Parameters:
    ///   - open: opens the way to the server; nil as the plan says.
    ///   - tellsWhy: whether clients hear why the server is not there, with its last words.
    init(
        _ plan: ServerPlan,
        version: String,
        open: (@Sendable () async throws -> any ServerLine)? = nil,
        tellsWhy: Bool = true,
        tellAll: @escaping @Sendable (JSONValue) -> Void
    ) {
        self.plan = plan
        self.version = version
        self.open = open ?? { try plan.open() }
        self.tellsWhy = tellsWhy
        self.tellAll = tellAll
    }

    /// What it has told about itself; nothing while it is down.
    var offer: Offer? { state.withLock { if case .up(_, let offer) = $0.phase { offer } else { nil } } }

    // MARK: Its life

    func run() async throws {
        var pause = Duration.milliseconds(200)
        while true {
            let start = ContinuousClock.now
            let reason: ServerFailure
            do {
                try await live()
                reason = ServerFailure("it ended")
            } catch {
                try Task.checkCancellation()
                reason = error as? ServerFailure ?? ServerFailure("\(error)")
            }
            endPending(reason)
            started.set(.failure(reason))
            if ContinuousClock.now - start > .seconds(60) { pause = .milliseconds(200) }
            try await EventLoop.shared.sleep(for: pause)
            pause = min(pause * 2, .seconds(30))
        }
    }

    private func live() async throws {
        let line = try await open()
        defer { line.close() }
        let (changes, change) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(16))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await line.run { try await self.take($0, from: line, change) } }
            group.addTask {
                do {
                    try await withDeadline(self.plan.startTime) { try await self.greet(line) }
                } catch is DeadlineExceeded {
                    throw ServerFailure("it did not answer within \(self.plan.startTime.components.seconds) seconds")
                } catch let failure as RPCFailure {
                    throw ServerFailure("it refused: \(failure.value["message"]?.string ?? failure.value.text())")
                }
                for await method in changes { try await self.listAgain(line, method) }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func greet(_ line: any ServerLine) async throws {
        let hello: JSONValue = [
            "protocolVersion": .string(ProtocolRevision.newest), "capabilities": [:],
            "clientInfo": ["name": "martlet-mcp-gateway", "version": .string(version)],
        ]
        let greeting = try await ask(line, "initialize", hello, limit: plan.startTime)
        try await line.send(Message.notification("notifications/initialized"))
        var offer = Offer(
            capabilities: greeting["capabilities"] ?? [:],
            instructions: greeting["instructions"]?.string
        )
        for kind in Offer.Kind.allCases where offer.has(kind.capability) {
            offer.lists[kind] = try await list(line, kind)
        }
        let up = offer
        state.withLock { state in
            if case .down(let latch, _) = state.phase { latch.set(()) }
            state.phase = .up(line, up)
        }
        started.set(.success(()))
        // For clients that saw what there was before it went down.
        for kind in up.lists.keys { tellAll(Message.notification("notifications/\(kind.capability)/list_changed")) }
    }

    private func listAgain(_ line: any ServerLine, _ method: String) async throws {
        for kind in Offer.Kind.allCases where method == "notifications/\(kind.capability)/list_changed" {
            guard let listed = try? await list(line, kind) else { continue }
            state.withLock { state in
                guard case .up(let line, var offer) = state.phase else { return }
                offer.lists[kind] = listed
                state.phase = .up(line, offer)
            }
        }
        tellAll(Message.notification(method))
    }

    private func list(_ line: any ServerLine, _ kind: Offer.Kind) async throws -> [JSONValue] {
        var listed: [JSONValue] = []
        var cursor: JSONValue?
        for _ in 0..<ServerLimits.pages {
            let params: JSONValue = cursor.map { ["cursor": $0] } ?? [:]
            let page: JSONValue
            do {
                page = try await ask(line, kind.rawValue, params, limit: plan.startTime)
            } catch let failure as RPCFailure where failure.value["code"] == .integer(RPCFailure.methodNotFound) {
                // A server may have resources and no templates of them.
                return listed
            }
            listed += page[kind.member]?.array ?? []
            cursor = page["nextCursor"].flatMap { $0.string == nil ? nil : $0 }
            guard cursor != nil, listed.count < ServerLimits.listed else { break }
        }
        if kind == .tools, let tools = plan.tools {
            listed = listed.filter { tools.contains($0["name"]?.string ?? "") }
        }
        return Array(listed.prefix(ServerLimits.listed))
    }

    private func endPending(_ reason: ServerFailure) {
        let pending = state.withLock { state in
            if case .up = state.phase { state.phase = .down(Latch(), reason: reason.description) }
            if case .down(let latch, _) = state.phase { state.phase = .down(latch, reason: reason.description) }
            defer { state.pending = [:] }
            return Array(state.pending.values)
        }
        for pending in pending { pending.answer.set(.failure(unavailable(reason.description))) }
    }

    private func unavailable(_ reason: String?) -> RPCFailure {
        let why =
            tellsWhy ? reason ?? "it has not started yet" : "it has ended or does not answer, and is started again"
        return RPCFailure(RPCFailure.unavailable, "The server '\(plan.name)' is not there: \(why)")
    }

    // MARK: What it says

    private func take(
        _ value: JSONValue,
        from line: any ServerLine,
        _ change: AsyncStream<String>.Continuation
    ) async throws {
        switch Message(value) {
        case .response(let id, let result):
            guard let id = id.integer else { return }
            state.withLock { $0.pending[id] }?.answer.set(result)
        case .request(let id, let method, _):
            try countUnasked()
            let answer: Result<JSONValue, RPCFailure> =
                method == "ping"
                ? .success([:])
                : .failure(RPCFailure(RPCFailure.methodNotFound, "The gateway does not answer '\(method)'"))
            try await line.send(Message.reply(id, answer))
        case .notification(let method, let params):
            try countUnasked()
            switch method {
            case "notifications/progress":
                guard let token = params["progressToken"]?.integer else { return }
                state.withLock { $0.pending[token] }?.progress?(params)
            case "notifications/tools/list_changed", "notifications/prompts/list_changed",
                "notifications/resources/list_changed":
                change.yield(method)
            case "notifications/message", "notifications/resources/updated":
                tellAll(value)
            default: break
            }
        case nil: break
        }
    }

    private func countUnasked() throws {
        let isFlood = state.withLock { state in
            if ContinuousClock.now - state.unasked.second > .seconds(1) { state.unasked = (.now, 0) }
            state.unasked.count += 1
            return state.unasked.count > ServerLimits.unasked
        }
        if isFlood {
            throw ServerFailure("it said more than \(ServerLimits.unasked) things a second that nobody asked for")
        }
    }

    // MARK: Asking it

    /// Asks the server, once it is up.
    ///
    /// - Parameter progress: told of what the server says about the request's progress.
    /// - Throws: ``RPCFailure``: the server's own, or that it is not there; `CancellationError`, of which the server is told.
    func ask(
        _ method: String,
        _ params: JSONValue,
        progress: (@Sendable (JSONValue) -> Void)? = nil
    ) async throws -> JSONValue {
        try await ask(try await lineOnceUp(), method, params, progress: progress, limit: plan.answerTime)
    }

    private func lineOnceUp() async throws -> any ServerLine {
        for _ in 0..<2 {
            let phase = state.withLock { $0.phase }
            switch phase {
            case .up(let line, _): return line
            case .down(let latch, let reason):
                do {
                    try await withDeadline(.seconds(10)) { try await latch.value() }
                } catch is DeadlineExceeded {
                    throw unavailable(reason)
                }
            }
        }
        throw unavailable("it does not stay up")
    }

    private func ask(
        _ line: any ServerLine,
        _ method: String,
        _ params: JSONValue,
        progress: (@Sendable (JSONValue) -> Void)? = nil,
        limit: Duration
    ) async throws -> JSONValue {
        let pending = Pending(progress: progress)
        let id: Int64? = state.withLock { state in
            guard state.pending.count < ServerLimits.pending else { return nil }
            defer { state.nextID += 1 }
            state.pending[state.nextID] = pending
            return state.nextID
        }
        guard let id else {
            throw RPCFailure(
                RPCFailure.unavailable,
                "The server '\(plan.name)' has \(ServerLimits.pending) requests to answer"
            )
        }
        defer { state.withLock { _ = $0.pending.removeValue(forKey: id) } }
        var params = params
        if progress != nil, var members = params.object {
            members["_meta"] = .object(
                (members["_meta"]?.object ?? [:]).merging(["progressToken": .integer(id)]) { $1 }
            )
            params = .object(members)
        }
        let message = Message.request(id, method, params)
        do {
            return try await withDeadline(limit) {
                try await withThrowingTaskGroup(of: Result<JSONValue, RPCFailure>.self) { group in
                    group.addTask {
                        try await line.send(message)
                        return try await pending.answer.value()
                    }
                    group.addTask { try await pending.answer.value() }
                    defer { group.cancelAll() }
                    guard let answer = try await group.next() else { throw CancellationError() }
                    return try answer.get()
                }
            }
        } catch let error where error is DeadlineExceeded || error is CancellationError {
            let isLate = error is DeadlineExceeded
            // A task of its own: that the request was cancelled is what is to be told. It ends with the line, if not before.
            Task {
                let reason: JSONValue = .string(isLate ? "the time was over" : "the client cancelled it")
                try? await withDeadline(.seconds(5)) {
                    try await line.send(
                        Message.notification("notifications/cancelled", ["requestId": .integer(id), "reason": reason])
                    )
                }
            }
            guard isLate else { throw error }
            throw RPCFailure(
                RPCFailure.unavailable,
                "The server '\(plan.name)' did not answer '\(method)' within \(limit.components.seconds) seconds"
            )
        }
    }
}
