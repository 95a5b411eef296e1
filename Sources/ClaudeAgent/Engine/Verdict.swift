/// Why this side ended the program, or found that it had failed.
enum Verdict: Sendable {
    /// It was closed.
    case wanted
    case failed(AgentError)

    var error: AgentError? { if case .failed(let error) = self { error } else { nil } }
}

/// What is kept for the moment in which something has gone wrong.
struct Evidence: Sendable {
    private static let lineCount = 5
    private static let lineLength = 500
    private static let errorLength = 4000

    private(set) var lastLines: [String] = []
    private var errors: [UInt8] = []
    /// What came behind the last line end of the output.
    var cut: [UInt8] = []

    mutating func note(line: [UInt8]) {
        lastLines.append(String(decoding: line.prefix(Self.lineLength), as: UTF8.self))
        if lastLines.count > Self.lineCount { lastLines.removeFirst() }
    }

    mutating func note(errors bytes: [UInt8]) {
        errors = (errors + bytes).suffix(Self.errorLength)
    }

    var errorText: String {
        var bytes = errors[...]
        while let last = bytes.last, last == 0x0A || last == 0x0D || last == 0x20 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension AgentEngine.State {
    /// What a program that has ended did wrong; nil when it did what it should.
    ///
    /// Its exit status alone says little: it is 0 also when the end of the output was lost, and not 0 after a result that
    /// tells of a limit.
    func judge(_ exit: AgentExit?) -> AgentError? {
        guard var error = fault(exit) else { return nil }
        error.exit = exit
        error.errorText = evidence.errorText
        error.lastLines = evidence.lastLines
        error.result = progress.result
        return error
    }

    private func fault(_ exit: AgentExit?) -> AgentError? {
        switch verdict {
        case .failed(let error): return error
        case .wanted: return nil
        case nil: break
        }
        let hasFailed = exit?.isSuccess != true
        if !evidence.cut.isEmpty {
            return AgentError(.outputCut, "Claude Code's output ends inside a message, so its end was lost")
        }
        if !progress.openPrompts.isEmpty || progress.promptCount > 0 && progress.result == nil {
            return hasFailed
                ? AgentError(.exited, "Claude Code ended before it gave a result")
                : AgentError(.noResult, "Claude Code ended as if all were well, but its output has no result")
        }
        if hasFailed, progress.promptCount == 0 {
            return AgentError(.exited, "Claude Code ended before it was asked anything")
        }
        if hasFailed, progress.result?.isError != true {
            return AgentError(.exited, "Claude Code ended with an error that no result explains")
        }
        return nil
    }
}
