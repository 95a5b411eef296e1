import Linux
import Wire

extension ResultServer {
    /// Serves the "stdio" transport until `input` ends: each message is one line of JSON, and so is each reply.
    ///
    /// - Throws: ``MCPError`` when a line is too long to be a message, and what the streams throw.
    package func serve(_ input: any ByteStream, _ output: any ByteStream) async throws {
        var lines = LineSplitter()
        while true {
            let bytes = try await input.read()
            if bytes.isEmpty { break }
            for line in lines.add(bytes) { try await serve(line: line, output) }
            guard lines.pendingCount <= Self.messageLimit else {
                throw MCPError(
                    .messageTooLarge,
                    "A line of the client is longer than \(Self.messageLimit) bytes; the server can not go on"
                )
            }
        }
        if let rest = lines.finish() { try await serve(line: rest, output) }
    }

    private func serve(line: [UInt8], _ output: any ByteStream) async throws {
        guard line.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { return }
        let reply: JSONValue?
        do {
            reply = await self.reply(to: try JSONValue(parsing: line))
        } catch {
            reply = RPCError(.parseError, "The line is not JSON: \(error)").reply(to: nil)
        }
        if let reply { try await output.write(reply.encoded() + [0x0A]) }
    }
}
