// What happened in and around one sandbox, as lines that can not be changed unnoticed: calls, commands, what left it, which
// secrets were used.
//
// Written by the daemon alone, read by anyone with the file, deleted with the sandbox's other remains. Whoever keeps the number
// and hash of the last line elsewhere can also tell when lines were cut off the end.

import FoundationEssentials
import Glibc
import Linux
import Synchronization
import Wire

/// The log of one sandbox.
package final class AuditLog: Sendable {
    /// The end of a log: what to keep elsewhere.
    package struct Head: Sendable, Hashable {
        package let number: Int
        package let hash: String

        package static let beginning = Head(number: 0, hash: AuditEntry.beginning)

        package init(number: Int, hash: String) {
            self.number = number
            self.hash = hash
        }
    }

    /// Facts of one entry are cut to this many bytes: a guest's words may be among them.
    private static let factsLimit = 16 * 1024

    private struct State {
        let file: Descriptor
        var head: Head
        var failure: LinuxError?
    }

    private let state: Mutex<State>
    private let now: @Sendable () -> Date

    /// Opens the log at `path`, or begins one, and goes on behind its last line.
    ///
    /// A last line that was not written to its end, as a crash leaves it, is cut off; that is an entry of its own. A log that was
    /// changed is refused and stays as it is.
    ///
    /// - Throws: ``AuditError``, `LinuxError`.
    package init(_ path: String, now: @escaping @Sendable () -> Date = { Date() }) throws {
        let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600)
        let bytes = try Files.read(path)
        let end = bytes.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let head = try Self.verify(bytes[..<end], path)
        if end < bytes.count { try check("cut '\(path)'") { ftruncate(file.raw, off_t(end)) } }
        state = Mutex(State(file: file, head: head))
        self.now = now
        if end < bytes.count { append("audit.recovered", ["cut": .integer(Int64(bytes.count - end))]) }
    }

    package var head: Head { state.withLock { $0.head } }

    /// Why nothing more can be written, if that is so.
    package var failure: LinuxError? { state.withLock { $0.failure } }

    /// Adds a line.
    ///
    /// Does not throw, because what happened has happened; after a line that could not be written no other is.
    package func append(_ event: String, _ facts: [String: JSONValue] = [:]) {
        let isShort = JSONValue.object(facts).encoded().count <= Self.factsLimit
        let omitted: JSONValue = .string("the particulars are larger than \(Self.factsLimit) bytes")
        let facts = isShort ? facts : ["omitted": omitted]
        let time = now().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        state.withLock { state in
            guard state.failure == nil else { return }
            let entry = AuditEntry(
                number: state.head.number + 1,
                time: time,
                event: event,
                facts: facts,
                previous: state.head.hash
            )
            do throws(LinuxError) {
                try state.file.writeAll(entry.line)
                state.head = Head(number: entry.number, hash: entry.hash)
            } catch {
                state.failure = error
            }
        }
    }

    /// Reads a log and checks every line.
    ///
    /// - Parameter head: the end as it was kept elsewhere, if it was.
    /// - Throws: ``AuditError`` that names the first line that is not as it was written.
    package static func entries(in path: String, upTo head: Head? = nil) throws -> [AuditEntry] {
        let bytes = try Files.read(path)
        var entries: [AuditEntry] = []
        _ = try verify(bytes[...], path) { entries.append($0) }
        if let head, head.number > 0 {
            guard head.number <= entries.count else {
                throw AuditError(
                    line: entries.count + 1,
                    "'\(path)' ends before line \(head.number), which it once had"
                )
            }
            guard entries[head.number - 1].hash == head.hash else {
                throw AuditError(line: head.number, "Line \(head.number) of '\(path)' is not the one that was written")
            }
        }
        return entries
    }

    @discardableResult
    private static func verify(
        _ bytes: ArraySlice<UInt8>,
        _ path: String,
        _ take: (AuditEntry) -> Void = { _ in }
    ) throws(AuditError) -> Head {
        var head = Head.beginning
        var rest = bytes
        while let end = rest.firstIndex(of: 0x0A) {
            let number = head.number + 1
            guard let entry = AuditEntry(rest[..<end]), entry.isWhole else {
                throw AuditError(line: number, "Line \(number) of '\(path)' was changed")
            }
            guard entry.number == number, entry.previous == head.hash else {
                throw AuditError(line: number, "Before line \(number) of '\(path)' lines were taken out, or put in")
            }
            take(entry)
            head = Head(number: number, hash: entry.hash)
            rest = rest[(end + 1)...]
        }
        guard rest.isEmpty else {
            throw AuditError(line: head.number + 1, "The last line of '\(path)' was not written to its end")
        }
        return head
    }
}

/// A log that is not as it was written.
package struct AuditError: Error, Sendable, CustomStringConvertible {
    /// The first line with which something is wrong.
    package let line: Int
    package let message: String

    init(line: Int, _ message: String) {
        self.line = line
        self.message = message
    }

    package var description: String { message }
}
