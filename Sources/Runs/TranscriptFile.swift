import ClaudeAgent
import Glibc
import Linux
import Synchronization

/// The file with what a run's agents have said, line by line as it came, and the record of what it means.
///
/// Both are kept up at the moment of reading, so that a run that is cut off knows all that its agent had said by then.
final class TranscriptFile: AgentListener {
    private let file: Descriptor
    private let record: AgentRecord
    private let state = Mutex<(isOpen: Bool, fault: (any Error)?)>((true, nil))

    init(_ path: String, _ record: AgentRecord) throws {
        file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        self.record = record
    }

    /// Whether what is heard belongs to the run. An agent that waited has a past.
    func setOpen(_ isOpen: Bool) {
        state.withLock { $0.isOpen = isOpen }
    }

    func hear(_ message: AgentMessage, _ line: [UInt8]) {
        guard message.isShown else { return }
        write(line) { record.change { $0.transcript.add(message) } }
    }

    func hear(cut rest: [UInt8]) {
        write(rest) {}
    }

    private func write(_ line: [UInt8], _ note: () -> Void) {
        state.withLock { state in
            guard state.isOpen else { return }
            note()
            do { try file.writeAll(line + [0x0A]) } catch { state.fault = state.fault ?? error }
        }
    }

    /// Throws what kept the file from being written.
    func check() throws {
        if let fault = state.withLock(\.fault) { throw fault }
    }
}
