import GuestLink
import HTTP
import Linux
import RPC
import Wire

/// One request on its way to a guest, and the answer on its way back.
struct Carriage: Sendable {
    enum Way: Sendable {
        case agent(GuestLink)
        case port(HTTPClient)
    }

    /// How it ended, where nothing was thrown.
    private enum Outcome {
        case answered
        case sandboxEnded
        case clientGone
    }

    let exchange: Exchange
    /// As the guest gets it.
    let head: RequestHead
    let way: Way
    let port: UInt16
    let sandbox: RoutedSandbox
    let limits: RouterLimits

    private let answer = OpenAnswer()
    /// Set when the client's body was read to its end: only then may the connection be watched for the client's.
    private let hasAll = Latch<Void>()

    init(
        exchange: Exchange,
        head: RequestHead,
        way: Way,
        port: UInt16,
        sandbox: RoutedSandbox,
        limits: RouterLimits
    ) {
        self.exchange = exchange
        self.head = head
        self.way = way
        self.port = port
        self.sandbox = sandbox
        self.limits = limits
    }

    /// Carries until the exchange is over, the sandbox ends, or the client has gone.
    ///
    /// - Throws: ``Refusal`` where nothing was answered yet; else the connection must end.
    func run() async throws {
        let outcome: Outcome
        do {
            outcome = try await raced()
        } catch let error where !exchange.isWaiting {
            // Broken in the middle. Streams of calls can say so; others say it by ending too early.
            let reason =
                await hasEnded() ? sandbox.absence().message : "The connection to the sandbox broke"
            guard await answer.end(with: CallError(.unavailable, reason)) else { throw error }
            return
        } catch let refusal as Refusal where refusal == .noAnswer(from: port, of: sandbox.id) {
            throw await hasEnded() ? sandbox.absence() : refusal
        }
        switch outcome {
        case .answered:
            return
        case .sandboxEnded:
            if exchange.isWaiting { throw sandbox.absence() }
            let reason = CallError(.unavailable, sandbox.absence().message)
            guard await answer.end(with: reason) else { throw reason }
        case .clientGone:
            throw HTTPError(499, "The client went away")
        }
    }

    /// Whether it was the sandbox's end that broke a connection; the daemon hears of one a moment later, when it was not its doing.
    private func hasEnded() async -> Bool {
        let wait = sandbox.waitForEnd
        return (try? await withDeadline(.milliseconds(200)) { try await wait() }) != nil
    }

    private func raced() async throws -> Outcome {
        try await withThrowingTaskGroup(of: Outcome.self) { group in
            let upgrade = exchange.body.isFinished ? Passage.upgrade(exchange.request) : nil
            group.addTask {
                try await converse(switchingTo: upgrade)
                return .answered
            }
            group.addTask {
                // Most exchanges are over before there is anything to watch for.
                try await EventLoop.shared.sleep(for: .milliseconds(5))
                return try await disturbance(watchesClient: upgrade == nil)
            }
            defer { group.cancelAll() }
            return try await group.next() ?? .answered
        }
    }

    /// Waits for what ends an exchange before its time.
    private func disturbance(watchesClient: Bool) async throws -> Outcome {
        try await withThrowingTaskGroup(of: Outcome.self) { group in
            group.addTask {
                try await sandbox.waitForEnd()
                return .sandboxEnded
            }
            if watchesClient {
                group.addTask {
                    try await hasAll.value()
                    try await exchange.clientGone()
                    try await EventLoop.shared.sleep(for: limits.farewellTime)
                    return .clientGone
                }
            }
            defer { group.cancelAll() }
            return try await group.next() ?? .answered
        }
    }

    private func converse(switchingTo upgrade: String?) async throws {
        do {
            switch way {
            case .agent(let link):
                if let upgrade { return try await converse(with: link.upgrades, switchingTo: upgrade) }
                try await link.forward(head, body: try await body()) { try await pass($0) }
            case .port(let client):
                if let upgrade { return try await converse(with: client, switchingTo: upgrade) }
                try await client.withResponse(to: head, body: try await body()) { try await pass($0) }
            }
        } catch let error where exchange.isWaiting {
            throw refusal(error)
        }
    }

    /// The client's body, in one piece with its head where it is short and here already.
    private func body() async throws -> HTTPClient.Body {
        let source = exchange.body
        if source.isFinished {
            hasAll.set(())
            return .none
        }
        let length = source.remaining
        if let length, length <= 65_536 {
            let first = try await source.read(upTo: length)
            if source.isFinished {
                hasAll.set(())
                return .bytes(first)
            }
            return .stream(length: length) { [hasAll] destination in
                try await destination.write(first)
                try await source.copy(to: destination)
                hasAll.set(())
            }
        }
        return .stream(length: length) { [hasAll] destination in
            try await source.copy(to: destination)
            hasAll.set(())
        }
    }

    private func pass(_ response: HTTPClient.Response) async throws {
        // What is here is looked at first: if it is broken, that can still be told.
        let first = response.body.isAtHand ? try await response.body.read() : nil
        let writer = try answer.begin(response.head, on: exchange)
        try await answer.copy(first, response.body, to: writer)
    }

    /// Lets client and guest agree on another protocol, and carries it as bytes, whatever it is.
    private func converse(with client: HTTPClient, switchingTo name: String) async throws {
        var head = head
        head.headers["Connection"] = "Upgrade"
        head.headers["Upgrade"] = name
        try await client.withUpgrade(head) { answer in
            switch answer {
            case .declined(let response):
                try await pass(response)
            case .switched(let response, let guest):
                let agreed = response.headers["Upgrade"] ?? name
                let stream = try await exchange.upgrade(to: agreed, Passage.answer(response.headers))
                await splice(stream, guest)
            }
        }
    }

    /// What a failure means to a client that has heard nothing yet.
    private func refusal(_ error: any Error) -> any Error {
        switch error {
        case is CancellationError, is Refusal: error
        case is SandboxTraffic.PortClosed: Refusal.closed(port, of: sandbox.id)
        case let error as HTTPError where error.status == 502: Refusal.noAnswer(from: port, of: sandbox.id)
        // What is wrong with the request's own body.
        case is HTTPError: error
        // A guest that can not be connected to has no port open; one that breaks off gave no answer.
        case let error as LinuxError where error.code == .refused: Refusal.closed(port, of: sandbox.id)
        default: Refusal.noAnswer(from: port, of: sandbox.id)
        }
    }
}
