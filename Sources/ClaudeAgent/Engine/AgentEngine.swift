import Synchronization
import Wire

// One running program and everything that goes on around it:
//
//     reader   ── lines ──► messages ─► queue ─► whoever iterates
//                      └──► requests ─► a task each ─► answer ─► writer ─► program
//     watch    ── looks at the clock, settles, fails, or ends
//     close    ── end of input, SIGTERM, SIGKILL, each with its time
//
// The reader owns the end: when the output is over it waits for the program, judges, and resolves `ended`.

/// The engine of a session.
///
/// *Concurrency.* All that changes is in `state`, behind its lock; the tasks live until the program has ended, which closing
/// brings about within bounds.
final class AgentEngine: Sendable {
    struct State {
        var progress = RunProgress()
        /// When the program last wrote something, or was last given something to do.
        var quietSince = ContinuousClock.now
        var inputEnded: ContinuousClock.Instant?
        /// Whether the input ends as soon as the run has settled.
        var endsWhenSettled = false
        /// The requests of the program that are being answered.
        var asked: [String: Task<Void, Never>] = [:]
        /// Our own requests that are not answered.
        var requests: [String: OneShot<JSONValue>] = [:]
        var requestCount = 0
        /// Why this side ended the program.
        var verdict: Verdict?
        var closing: Task<Void, Never>?
        /// Whether the program's streams were taken from it.
        var isReleased = false
        /// Whether its output waits until there is room for it.
        var isHeldUp = false
        var isOver = false
        var evidence = Evidence()
        var sessionID: String?
    }

    let options: AgentOptions
    let queue: MessageQueue
    /// Resolved when the program is gone and everything was judged.
    let ended = OneShot<AgentExit?>()
    let state = Mutex(State())
    private let process: any AgentProcess
    private let writer: LineWriter
    private let answers: Answers
    /// The answers that the program has not taken. It could ask on and on without taking any.
    private let answering = Room(256)

    init(_ process: any AgentProcess, _ options: AgentOptions) {
        self.process = process
        self.options = options
        queue = MessageQueue(limit: options.limits.unread, process.keepsOutput ? .waits : .fails)
        writer = LineWriter(process)
        answers = Answers(options)
    }

    /// Begins to read; once.
    func start() {
        // Owned by the program's life: each ends when the program does or when it is released.
        let errors = Task { await readErrors() }
        Task { await readOutput(errors) }
        Task { await watch() }
        Task { await releaseWhenEnded() }
    }

    // MARK: Reading

    private func readOutput(_ errors: Task<Void, Never>) async {
        var framer = LineFramer(limit: options.limits.line)
        do {
            while true {
                let bytes = try await process.readOutput()
                if bytes.isEmpty { break }
                state.withLock { $0.quietSince = .now }
                for line in try framer.add(bytes) {
                    try take(line)
                    if process.keepsOutput { await waitForRoom() }
                }
            }
        } catch {
            // If the streams were taken from it, the program has ended, and its output with it.
            if !state.withLock({ $0.isReleased }) {
                let broken = AgentError(.connectionLost, "Claude Code's output broke off", cause: error)
                abort(error as? AgentError ?? broken)
            }
        }
        state.withLock { $0.evidence.cut = framer.rest }
        if !framer.rest.isEmpty { options.listener?.hear(cut: framer.rest) }
        await finish(errors)
    }

    /// Holds up a program whose output is kept, while nobody takes its messages or it takes no answers.
    private func waitForRoom() async {
        guard queue.room.isFull || answering.isFull else { return }
        state.withLock { $0.isHeldUp = true }
        await queue.room.wait()
        await answering.wait()
        state.withLock { state in
            state.isHeldUp = false
            state.quietSince = .now
        }
    }

    /// What the program started may hold its output open when it has ended itself; then nobody would see the end.
    private func releaseWhenEnded() async {
        guard (try? await process.exit()) != nil else { return }
        let limit = options.limits.closing
        repeat {
            _ = try? await within(limit) { [ended] in try await ended.value() }
            // What it has written is still read, or waits for whoever takes the messages.
        } while state.withLock { !$0.isOver && ($0.isHeldUp || ContinuousClock.now - $0.quietSince < limit) }
        await release()
    }

    private func release() async {
        state.withLock { $0.isReleased = true }
        queue.dropExcess()
        answering.open()
        await process.release()
    }

    private func take(_ line: [UInt8]) throws {
        state.withLock { $0.evidence.note(line: line) }
        options.onOutputLine?(line)
        switch Incoming(line) {
        case .message(let message):
            options.listener?.hear(message, line)
            try take(message, size: line.count)
        case .request(let id, let body): answer(id, body)
        case .cancel(let id): state.withLock { $0.asked.removeValue(forKey: id) }?.cancel()
        case .response(let id, let result):
            let request = state.withLock { $0.requests.removeValue(forKey: id) }
            request?.resolve(result.mapError { $0 })
        }
    }

    private func take(_ message: AgentMessage, size: Int) throws {
        let hasSettled = state.withLock { state in
            let was = state.progress.isSettled
            state.progress.note(message)
            state.sessionID = message.sessionID ?? state.sessionID
            return state.progress.isSettled && !was
        }
        try queue.add(.message(message), size: size)
        if hasSettled { try settled() }
    }

    private func settled() throws {
        let (prompts, ends) = state.withLock { ($0.progress.promptCount, $0.endsWhenSettled) }
        try queue.add(.settled(prompts: prompts))
        if ends { endInput() }
    }

    private func readErrors() async {
        var framer = LineFramer(limit: 1024 * 1024)
        while let bytes = try? await process.readErrors(), !bytes.isEmpty {
            state.withLock { $0.evidence.note(errors: bytes) }
            guard let onErrorLine = options.onErrorLine else { continue }
            for line in (try? framer.add(bytes)) ?? [] { onErrorLine(String(decoding: line, as: UTF8.self)) }
        }
    }

    // MARK: Being asked

    private func answer(_ id: String, _ body: JSONValue) {
        answering.enter()
        state.withLock { state in
            // A task of its own, so that a slow answer never keeps the output from being read. It ends by itself or with the
            // program; what it waits for is bounded.
            state.asked[id] = Task { [self] in
                defer { answering.leave() }
                var response: [String: JSONValue] = ["request_id": .string(id)]
                do {
                    response["response"] = try await answers.answer(body)
                    response["subtype"] = "success"
                } catch {
                    response["subtype"] = "error"
                    response["error"] = .string(error is TimedOut ? "There was no answer in time" : "\(error)")
                }
                let isWanted = self.state.withLock { state in
                    state.quietSince = .now
                    return state.asked.removeValue(forKey: id) != nil
                }
                guard isWanted, !Task.isCancelled else { return }
                try? await writer.write(["type": "control_response", "response": .object(response)])
            }
        }
    }

    // MARK: Asking

    /// Sends a request to the program and waits for the answer.
    func request(_ subtype: String, _ members: [String: JSONValue] = [:], limit: Duration?) async throws -> JSONValue {
        try await request([(subtype, members)], limit: limit)[0]
    }

    /// Sends several requests at once and waits for all answers.
    func request(
        _ requests: [(subtype: String, members: [String: JSONValue])],
        limit: Duration?
    ) async throws -> [JSONValue] {
        var lines: [JSONValue] = []
        var waiting: [(id: String, answer: OneShot<JSONValue>)] = []
        try state.withLock { state in
            if state.isOver { throw Self.closed }
            for (subtype, members) in requests {
                state.requestCount += 1
                let id = "req_\(state.requestCount)_\(String(UInt32.random(in: .min ... .max), radix: 16))"
                let answer = OneShot<JSONValue>()
                state.requests[id] = answer
                waiting.append((id, answer))
                let body = members.merging(["subtype": .string(subtype)]) { _, subtype in subtype }
                lines.append(["type": "control_request", "request_id": .string(id), "request": .object(body)])
            }
        }
        do {
            return try await within(limit) { [writer, lines, waiting] in
                try await writer.write(lines)
                var answers: [JSONValue] = []
                for (_, answer) in waiting { answers.append(try await answer.value()) }
                return answers
            }
        } catch {
            let abandoned = state.withLock { state in waiting.compactMap { state.requests.removeValue(forKey: $0.id) } }
            for request in abandoned { request.resolve(.failure(error)) }
            guard error is TimedOut else { throw error }
            throw AgentError(.unanswered, "Claude Code did not answer the request '\(requests.last?.subtype ?? "")'")
        }
    }

    static let closed = AgentError(.closed, "The session is closed")

    /// - Returns: the prompt's id, and how many prompts there are with it.
    func send(_ prompt: AgentPrompt) async throws -> (id: String, number: Int) {
        let id = Self.newID()
        let number = try state.withLock { state in
            if state.isOver || state.inputEnded != nil { throw Self.closed }
            state.progress.sent(prompt: id)
            state.quietSince = .now
            return state.progress.promptCount
        }
        do {
            try await writer.write([
                "type": "user", "session_id": "default", "parent_tool_use_id": nil, "uuid": .string(id),
                "message": ["role": "user", "content": prompt.content],
            ])
            return (id, number)
        } catch {
            state.withLock { $0.progress.unsent(prompt: id) }
            // How the program ended says more than that nothing could be written to it.
            throw await reasonOfEnd() ?? error
        }
    }

    /// Why the program failed, if it has or does so soon.
    func reasonOfEnd() async -> AgentError? {
        _ = try? await within(options.limits.closing) { [ended] in try await ended.value() }
        return state.withLock { $0.verdict?.error }
    }

    /// A UUID of version 4. `UUID()` is the same every time where there is no /dev/urandom.
    private static func newID() -> String {
        var digits = Array(String(UInt128.random(in: .min ... .max), radix: 16))
        digits = Array(repeating: "0", count: 32 - digits.count) + digits
        digits[12] = "4"
        digits[16] = ["8", "9", "a", "b"][Int.random(in: 0..<4)]
        for place in [20, 16, 12, 8] { digits.insert("-", at: place) }
        return String(digits)
    }

    // MARK: Ending

    /// Ends the input as soon as every prompt was answered and nothing works in the background.
    func endWhenSettled() {
        let isNow = state.withLock { state in
            state.endsWhenSettled = true
            return state.progress.isSettled || state.progress.promptCount == 0
        }
        if isNow { endInput() }
    }

    private func endInput() {
        let isFirst = state.withLock { state in
            defer { state.inputEnded = state.inputEnded ?? .now }
            return state.inputEnded == nil
        }
        // Not waited for: the writer may be stuck behind a program that reads nothing, which the watch sees.
        if isFirst { Task { [writer] in await writer.end() } }
    }

    /// Ends the program because of something that went wrong here.
    private func abort(_ error: AgentError) {
        state.withLock { $0.verdict = $0.verdict ?? .failed(error) }
        Task { [process] in await process.send(.kill) }
    }

    /// Ends the program in steps, each with its time. Safe to call twice; returns when it is gone.
    func close() async {
        await close { engine in await engine.endInSteps() }
    }

    /// Gives the program up at once: without its steps, what becomes of it is its transport's to say.
    func abandon() async {
        await close { engine in
            await engine.release()
            _ = try? await within(engine.options.limits.closing) { try await engine.ended.value() }
        }
    }

    private func close(_ end: @escaping @Sendable (AgentEngine) async -> Void) async {
        let closing = state.withLock { state in
            if let closing = state.closing { return closing }
            state.verdict = state.verdict ?? .wanted
            // In a task of its own: closing is also what a cancelled task does last.
            let closing = Task { await end(self) }
            state.closing = closing
            return closing
        }
        await closing.value
    }

    private func endInSteps() async {
        let limit = options.limits.closing
        queue.dropExcess()
        answering.open()
        endInput()
        for signal in [nil, AgentSignal.terminate, .kill] {
            if let signal { await process.send(signal) }
            if (try? await within(limit, { try await self.ended.value() })) != nil { return }
        }
        await release()
        _ = try? await within(limit) { try await self.ended.value() }
    }

    private func watch() async {
        let patience = Patience(limits: options.limits)
        while !state.withLock({ $0.isOver }) {
            try? await Task.sleep(for: patience.interval)
            let step = state.withLock { state in
                patience.step(
                    state.progress,
                    now: .now,
                    quiet: state.quietSince,
                    inputEnded: state.inputEnded,
                    isAsked: !state.asked.isEmpty || state.isHeldUp
                )
            }
            switch step {
            case .wait: continue
            case .settle:
                state.withLock { $0.progress.giveUpWaiting() }
                do { try settled() } catch { abort(error as? AgentError ?? Self.closed) }
            case .fail:
                let silence = options.limits.silence ?? .zero
                state.withLock {
                    let error = AgentError(.silent, "Claude Code wrote nothing for \(silence) while it had work to do")
                    $0.verdict = $0.verdict ?? .failed(error)
                }
                return await close()
            case .end:
                return await close()
            }
        }
    }

    private func finish(_ errors: Task<Void, Never>) async {
        // The output is over. Mostly the program has ended; if it only closed its output, it is made to.
        let limit = options.limits.closing
        var exit = try? await within(limit) { [process] in try await process.exit() }
        if exit == nil {
            await process.send(.kill)
            exit = try? await within(limit) { [process] in try await process.exit() }
        }
        // What it started may hold the standard error open for ever.
        _ = try? await within(.seconds(1)) { await errors.value }
        await release()
        writer.finish()
        let (error, asked, requests) = state.withLock { state in
            state.isOver = true
            let error = state.judge(exit)
            state.verdict = error.map { .failed($0) } ?? .wanted
            defer { (state.asked, state.requests) = ([:], [:]) }
            return (error, state.asked, state.requests)
        }
        for task in asked.values { task.cancel() }
        for request in requests.values { request.resolve(.failure(error ?? Self.closed)) }
        queue.end(error)
        ended.resolve(.success(exit))
    }
}
