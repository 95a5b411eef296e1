import Linux

/// Where the prompt of a run comes from, and what it may be.
package enum Prompt: Sendable, Hashable {
    case text(String)
    case file(String)
    case standardInput

    /// Claude Code refuses more on its standard input.
    static let limit = 10_000_000

    /// Decides by the line: a text, `--prompt-file`, or standard input for `-` and for no word at all in a pipe.
    package init(argument: String?, file: String?, inputIsTerminal: Bool) throws(CommandsError) {
        switch (argument, file) {
        case (.some, .some):
            throw CommandsError(.unusableInput, "The prompt is given twice: as an argument and with --prompt-file")
        case (nil, let file?): self = .file(file)
        case ("-", nil): self = .standardInput
        case (let text?, nil): self = .text(text)
        case (nil, nil) where !inputIsTerminal: self = .standardInput
        case (nil, nil):
            throw CommandsError(
                .unusableInput,
                "There is no prompt; say what the agent should do as an argument, with --prompt-file, or on standard input"
            )
        }
    }

    /// The bytes as they are, in whatever encoding.
    package func read() async throws -> [UInt8] {
        let bytes: [UInt8]?
        switch self {
        case .text(let text): bytes = Array(text.utf8)
        case .file(let path):
            do {
                bytes = try await BlockingPool.run { try Files.read(path) }
            } catch {
                throw CommandsError(.unusableInput, "The prompt could not be read", cause: error)
            }
        case .standardInput: bytes = try await StandardInput().readAll(limit: Self.limit)
        }
        return try Self.checked(bytes)
    }

    /// - Parameter bytes: nil when there were more than the limit.
    static func checked(_ bytes: [UInt8]?) throws(CommandsError) -> [UInt8] {
        guard let bytes, bytes.count <= limit else {
            throw CommandsError(
                .unusableInput,
                "The prompt is larger than 10 MB; put the material into files and pass them with --dir"
            )
        }
        guard bytes.contains(where: { !" \t\r\n".utf8.contains($0) }) else {
            throw CommandsError(.unusableInput, "The prompt is empty; say what the agent should do")
        }
        return bytes
    }
}
