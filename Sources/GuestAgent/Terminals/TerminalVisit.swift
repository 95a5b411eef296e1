import FoundationEssentials
import Glibc
import Linux
import WebSockets
import Wire

/// One client at a terminal.
struct TerminalVisit: Sendable {
    let socket: WebSocket
    /// The session's process; of one that is kept it changes.
    let current: @Sendable () -> GuestProcess

    /// Shows what the program writes until it has ended.
    func tell(_ reader: any OutputReader) async throws {
        while true {
            switch try await reader.next() {
            case .chunk(let chunk): try await socket.send(.binary(chunk.bytes))
            case .keepalive: continue
            case .finished:
                let process = current()
                let ending = try await process.ending.value()
                process.isTold.set(())
                return try await socket.send(json: TerminalMessage.exited(ending.code))
            }
        }
    }

    /// Does what the client says until it leaves.
    func hear() async throws {
        while let message = try await socket.receive() {
            do {
                switch message {
                case .binary(let keys): try await current().input.write(ProcessInput(pty: Data(keys)))
                case .text(let text): try await obey(try MessageCoding.decode(TerminalMessage.self, text))
                }
            } catch let error as CallError {
                // What one message wanted is not to be had; the session goes on.
                try await socket.send(json: TerminalMessage.error(error.message))
            }
        }
    }

    private func obey(_ message: TerminalMessage) async throws {
        let process = current()
        switch message.type {
        case "resize":
            guard let columns = message.cols, let rows = message.rows, columns > 0, rows > 0 else {
                throw CallError(.invalidArgument, "'resize' has 'cols' and 'rows', both above zero")
            }
            try process.input.resize(TerminalSize(cols: columns, rows: rows))
        case "signal":
            let number = try SignalName.number(plain: message.signal ?? "")
            guard process.isRunning else { return }
            if [SIGINT, SIGQUIT, SIGTSTP].contains(number), process.input.signalForeground(number) { return }
            await process.signal(number)
        // Later clients may say more than is understood here.
        default: return
        }
    }
}
