import Arguments
import FoundationEssentials
import Wire

/// An entry of a sandbox's journal, as E2B's clients show logs.
package struct LogLine: Encodable, Sendable, Hashable {
    /// The more serious, the later.
    package enum Level: String, Codable, Sendable, CaseIterable {
        case debug, info, warn, error
    }

    package var timestamp: Date
    package var level: Level
    /// `process.312`, and which of its streams.
    package var logger: String
    package var message: String

    package init(_ entry: JournalEntry) {
        timestamp = entry.time
        let process = "process.\(entry.pid)"
        switch entry.kind {
        case .started: (level, logger, message) = (.info, process, "Process started: \(entry.text)")
        case .output: (level, logger, message) = (.info, "\(process).stdout", entry.text)
        // Worth a look and no more: many programs report their progress there.
        case .error: (level, logger, message) = (.warn, "\(process).stderr", entry.text)
        case .ended:
            let isSuccess = entry.text == "exit status 0"
            (level, logger, message) = (isSuccess ? .info : .error, process, "Process ended: \(entry.text)")
        case .outOfMemory: (level, logger, message) = (.error, "kernel", entry.text)
        }
    }

    /// The line with its end.
    func rendered(as format: OutputFormat, _ surroundings: Surroundings) throws -> String {
        if format == .json { return try Output.jsonLine(self) }
        let style = surroundings.outputStyle
        let name = String((level.rawValue.uppercased() + " ").prefix(5))
        let time = timestamp.formatted(.iso8601WithMilliseconds)
        let shown = surroundings.outputIsTerminal ? TerminalText.line(message) : message
        let colored =
            switch level {
            case .debug, .info: name
            case .warn: style.yellow(name)
            case .error: style.red(name)
            }
        return "\(style.dim(time)) \(colored) \(style.dim(logger)) \(shown)\n"
    }
}

extension LogLine {
    /// Which lines are wanted.
    package struct Filter: Sendable {
        var level = Level.debug
        /// Beginnings of names; none is any.
        var loggers: [String] = []

        package init(level: Level = .debug, loggers: [String] = []) {
            self.level = level
            self.loggers = loggers
        }

        init(_ invocation: Invocation) throws {
            if let name = invocation.value("--level") {
                // E2B's command line has them in capitals.
                guard let level = Level(rawValue: name.lowercased()) else {
                    throw invocation.invalid("--level", expected: "debug, info, warn or error")
                }
                self.level = level
            }
            loggers = invocation.value("--loggers")?.split(separator: ",").map(String.init) ?? []
        }

        package func includes(_ line: LogLine) -> Bool {
            let levels = Level.allCases
            let isSerious = levels.firstIndex(of: line.level) ?? 0 >= levels.firstIndex(of: level) ?? 0
            return isSerious && (loggers.isEmpty || loggers.contains { line.logger.hasPrefix($0) })
        }
    }
}

extension FormatStyle where Self == Date.ISO8601FormatStyle {
    /// `2026-01-31T12:00:00.250Z`.
    static var iso8601WithMilliseconds: Date.ISO8601FormatStyle {
        Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    }
}
