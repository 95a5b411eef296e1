import HTTP
import Linux
import RPC
import Wire

extension CallRouter.Context {
    /// How often the caller wants to hear that a quiet stream lives.
    var keepalivePause: Duration {
        let seconds = headers["Keepalive-Ping-Interval"].flatMap { Int64($0) } ?? 90
        return .seconds(min(max(1, seconds), 86_400))
    }
}

/// `process.Process`, as E2B's envd speaks it.
struct ProcessService: Sendable {
    let processes: Processes
    let requester: Requesters

    func register(in router: inout CallRouter) {
        router.on(StartProcess.self) { request, context, events in
            let place = try await requester.place(context.headers)
            let directory = try place.directory(request.process.cwd)
            let setting = Processes.Setting(
                account: place.account,
                switchesUser: requester.users.areSwitched,
                variables: place.surroundings.variables,
                directory: directory,
                // Some clients say zero where they mean no limit.
                limit: context.timeout.flatMap { $0 > .zero ? $0 : nil }
            )
            let (process, reader) = try await processes.start(request, setting)
            try await Self.tell(process, reader, events, context)
        }
        router.on(ConnectProcess.self) { request, context, events in
            let process = try processes.find(request.process)
            // Here the caller's limit is for the stream alone: somebody else has started the process.
            try await Self.within(context.timeout) {
                try await Self.tell(process, process.output.reader(), events, context)
            }
        }
        router.on(ListProcesses.self) { _, _ in
            ListProcesses.Response(
                processes: processes.running.map { ListProcesses.Entry(config: $0.config, pid: $0.pid, tag: $0.tag) }
            )
        }
        router.on(UpdateProcess.self) { request, _ in
            let process = try processes.findRunning(request.process)
            if let size = request.pty?.size { try process.input.resize(size) }
            return Empty()
        }
        router.on(SendProcessInput.self) { request, context in
            let process = try processes.findRunning(request.process)
            try await Self.whileWanted(context) { try await process.input.write(request.input) }
            return Empty()
        }
        router.on(CloseProcessInput.self) { request, context in
            let process = try processes.findRunning(request.process)
            try await Self.whileWanted(context) { try await process.input.end() }
            return Empty()
        }
        router.on(SignalProcess.self) { request, _ in
            let number = try SignalName.number(request.signal)
            let process = try processes.findRunning(request.process)
            await process.signal(number)
            return Empty()
        }
        router.on(StreamProcessInput.self) { messages, _ in
            var messages = messages
            guard let selector = try await messages.next()?.start?.process else {
                throw CallError(.invalidArgument, "A stream of input begins with 'start'")
            }
            let process = try processes.findRunning(selector)
            while let message = try await messages.next() {
                if let input = message.data?.input { try await process.input.write(input) }
            }
            return Empty()
        }
    }

    /// Runs `body` as long as somebody waits for it: a process that does not read its input makes others wait.
    private static func whileWanted(
        _ context: CallRouter.Context,
        _ body: @Sendable @escaping () async throws -> Void
    ) async throws {
        try await within(context.timeout) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await body() }
                group.addTask {
                    try await context.exchange.clientGone()
                    throw CancellationError()
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }

    private static func within(
        _ limit: Duration?,
        _ body: @Sendable @escaping () async throws -> Void
    ) async throws {
        if let limit { try await withDeadline(limit, body) } else { try await body() }
    }

    /// Streams a process's life until it or the listener is gone; the process outlives its listeners.
    private static func tell(
        _ process: GuestProcess,
        _ reader: any OutputReader,
        _ events: EventWriter<ProcessStreamEvent>,
        _ context: CallRouter.Context
    ) async throws {
        defer { reader.close() }
        // Clients take a stream that begins with anything else for broken.
        try await events.send(ProcessStreamEvent(.start(pid: process.pid)))
        let pause = context.keepalivePause
        try await withThrowingTaskGroup(of: Bool.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                while true {
                    try await EventLoop.shared.sleep(for: pause)
                    reader.keepAlive()
                }
            }
            group.addTask {
                try await context.exchange.clientGone()
                return false
            }
            group.addTask {
                try await tellOutput(of: process, reader, events)
                return true
            }
            if try await group.next() == false { throw CancellationError() }
        }
    }

    private static func tellOutput(
        of process: GuestProcess,
        _ reader: any OutputReader,
        _ events: EventWriter<ProcessStreamEvent>
    ) async throws {
        while true {
            switch try await reader.next() {
            case .chunk(let chunk): try await events.send(ProcessStreamEvent(chunk.event))
            case .keepalive: try await events.send(ProcessStreamEvent(.keepalive))
            case .finished:
                switch try await process.ending.value() {
                case .status(let status, let shortage):
                    let end = ProcessEvent.End(status, shortage: shortage, loss: process.output.loss)
                    try await events.send(ProcessStreamEvent(.end(end)))
                case .overtime(let limit):
                    process.isTold.set(())
                    throw CallError(.deadlineExceeded, "The process was killed: it ran longer than \(limit)")
                }
                process.isTold.set(())
                return
            }
        }
    }
}
