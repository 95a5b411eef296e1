import Glibc
import Linux
import WebSockets
import Wire

/// One socket of the client of a program.
struct ExecVisit: Sendable {
    let session: ExecSession
    let socket: WebSocket
    /// Set when the client has come back by another.
    let displaced: Latch<Void>

    func run(
        _ reader: any OutputReader,
        isNew: Bool,
        _ request: ExecRequest.Open,
        _ visits: Visits
    ) async throws {
        session.output.acknowledge(request.received)
        let opened = ExecEvent.Opened(pid: session.process.pid, created: isNew, input: session.accepted)
        try await socket.send(json: ExecEvent(opened: opened))
        try await visits.run(at: session.process.pid, socket) {
            try await tell(reader)
        } hearing: {
            try await hear()
        }
        await socket.close()
        // Whoever closes in good order has heard everything.
        if session.process.ending.current != nil, socket.peersClosing?.code == .normal {
            session.process.isTold.set(())
        }
    }

    /// Sends what the program writes, then its end.
    private func tell(_ reader: any OutputReader) async throws {
        while true {
            switch try await reader.next() {
            case .chunk(let chunk):
                let stream: ExecStream = chunk.stream == .stderr ? .stderr : .stdout
                try await socket.send(.binary([stream.rawValue] + chunk.bytes))
            case .keepalive: continue
            case .finished:
                let ending = try await session.process.ending.value()
                return try await socket.send(json: ExecEvent(exited: exited(ending)))
            }
        }
    }

    private func exited(_ ending: GuestProcess.Ending) -> ExecEvent.Exited {
        let loss = session.output.loss
        return switch ending {
        case .status(.exited(let code), let shortage): ExecEvent.Exited(code: code, shortage: shortage, loss: loss)
        case .status(.signalled(let signal), let shortage):
            ExecEvent.Exited(signal: signal, shortage: shortage, loss: loss)
        case .overtime: ExecEvent.Exited(signal: SIGKILL, loss: loss)
        }
    }

    /// Does what the client says until it closes, or comes back elsewhere.
    private func hear() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await hearAll() }
            group.addTask { try await acknowledge() }
            group.addTask {
                try await displaced.value()
                throw WebSocketError(.policyViolation, "The client has come back by another connection")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Tells how much of the input the program has been given.
    private func acknowledge() async throws {
        var told = 0
        while true {
            let written = try await session.written(atLeast: told + (told == 0 ? 1 : ExecCount.pace))
            try await socket.send(json: ExecEvent(acknowledging: written))
            told = written
        }
    }

    private func hearAll() async throws {
        while let message = try await socket.receive() {
            switch message {
            case .binary(let bytes):
                guard bytes.first == ExecStream.stdin.rawValue else {
                    throw CallError(.invalidArgument, "A client sends to stdin alone: a first byte of 0")
                }
                try session.accept(bytes.dropFirst())
            case .text(let text): try await obey(try MessageCoding.decode(ExecRequest.self, text))
            }
        }
    }

    private func obey(_ request: ExecRequest) async throws {
        if let count = request.ack { session.output.acknowledge(count.bytes) }
        if let signal = request.signal {
            let number = try SignalName.number(plain: signal.name)
            if session.process.isRunning { await session.process.signal(number) }
        }
        if request.end != nil { session.endInput() }
    }
}
