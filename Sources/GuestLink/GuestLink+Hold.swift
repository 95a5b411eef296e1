import HTTP
import Linux
import RPC
import Wire

extension GuestLink {
    /// How long a guest may take until its processes stand still.
    package static var patience: Duration { .seconds(10) }

    /// Runs `body` while the guest's processes stand still; they go on when it has ended, or when this process has.
    ///
    /// A machine that `body` makes from this one runs none of them before it has its own identity.
    ///
    /// - Parameter writesDisk: whether its disk is to have all that they have written.
    /// - Throws: ``CallError`` `unimplemented` for a guest of a template that is too old to know this.
    package func holding<Result: Sendable>(
        within patience: Duration = Self.patience,
        writesDisk: Bool = false,
        _ body: @Sendable @escaping () async throws -> Result
    ) async throws -> Result {
        let target = GuestProtocol.holdPath + (writesDisk ? "?sync=1" : "")
        let head = RequestHead(method: "POST", target: target, headers: calls.headers)
        let line = writesDisk ? GuestProtocol.heldAndWrittenLine : GuestProtocol.heldLine
        let stream: any ByteStream
        do {
            stream = try await withDeadline(patience) { [http] in
                let stream = try await http.upgrade(head, to: GuestProtocol.holdUpgrade)
                do {
                    try await Self.read(line, from: stream)
                } catch {
                    stream.close()
                    throw error
                }
                return stream
            }
        } catch let error as HTTPError where error.status == 404 {
            throw CallError(
                .unimplemented,
                "The sandbox's template was built by an earlier version; build it again and make the sandbox anew"
            )
        } catch {
            // They may stand still all the same. In a task of its own: also whoever lost patience must not leave them so.
            await Task { try? await withDeadline(patience) { try await self.endHolds() } }.value
            throw error
        }
        defer { stream.close() }
        return try await body()
    }

    private static func read(_ text: String, from stream: any ByteStream) async throws {
        let expected = Array(text.utf8)
        var line: [UInt8] = []
        while line.count < expected.count {
            let bytes = try await stream.read(upTo: expected.count - line.count)
            if bytes.isEmpty { break }
            line += bytes
        }
        guard line == expected else {
            throw CallError(.unavailable, "The guest did not say that its processes stand still")
        }
    }

    /// Lets the processes of a guest go on that somebody held who is no more.
    package func endHolds() async throws {
        let head = RequestHead(method: "DELETE", target: GuestProtocol.holdPath, headers: calls.headers)
        let answer = try await http.send(head, limit: 65_536)
        // One that does not know this holds nothing.
        guard answer.head.status == 204 || answer.head.status == 404 else {
            throw CallError(.unavailable, "The guest did not let its processes go on: status \(answer.head.status)")
        }
    }
}
