import FoundationEssentials
import GuestLink
import Linux
import RPC
import Synchronization
import Wire

/// A command line for the shell of a machine.
struct ShellCommand: Sendable, Hashable {
    /// What Linux takes as one argument.
    static let longest = 128 * 1024 - 1
    static let inputLimit = 1024 * 1024
    /// Of each stream; the rest of the output is read and dropped.
    static let outputLimit = 16 * 1024 * 1024
    static let defaultLimit: Int64 = 30_000
    /// A day; Freestyle's own is five minutes.
    static let limits: ClosedRange<Int64> = 1...86_400_000
    /// What a guest may need beyond the limit to say that it was reached.
    private static let grace = Duration.seconds(30)

    let command: String
    let user: String?
    var environment: [String: String] = [:]
    var input: [UInt8]?
    let limit: Duration

    /// Reads what a request asks for.
    ///
    /// - Parameter defaultLimit: in milliseconds.
    init(_ request: Request, defaultLimit: Int64 = Self.defaultLimit) throws {
        let members = try request.members()
        command = try members.text("command")
        guard !command.utf8.contains(0), command.utf8.count <= Self.longest else {
            throw FreestyleError.badRequest(
                "'command' must have at most \(Self.longest) bytes and no NUL; write a longer one to a file"
            )
        }
        user = try request.user(try members.string("linuxUser"))
        environment = try members.texts("env") ?? [:]
        for (name, value) in environment
        where name.isEmpty || name.contains("=") || name.utf8.contains(0) || value.utf8.contains(0) {
            throw FreestyleError.badRequest("'env.\(name)' is no name of a variable, or its value has a NUL")
        }
        input = try members.base64("stdin")
        guard input?.count ?? 0 <= Self.inputLimit else {
            throw FreestyleError(413, .payloadTooLarge, "'stdin' has at most \(Self.inputLimit) bytes")
        }
        limit = .milliseconds(try members.integer("timeoutMs", in: Self.limits) ?? defaultLimit)
        if try members.string("terminal") != nil { throw FreestyleError.missing("commands in a terminal ('terminal')") }
    }

    /// What a command wrote and how it ended.
    struct Result: Sendable, Hashable {
        var output: [UInt8] = []
        var error: [UInt8] = []
        var isCut = false
        /// Nil when its time was over, and it was killed.
        var status: Int32?

        var document: JSONValue {
            var members: [String: JSONValue] = [
                "stdout": .string(String(decoding: output, as: UTF8.self)),
                "stderr": .string(String(decoding: error, as: UTF8.self)),
                "statusCode": .number(status.map(Int64.init)),
            ]
            if isCut { members["truncated"] = true }
            return .object(members)
        }
    }

    /// Runs it to its end, or to the end of its time.
    ///
    /// - Parameter directory: where it begins; nil is its user's home.
    func run(on link: GuestLink, in directory: String? = nil) async throws -> Result {
        do { return try await run(on: link, at: directory ?? "~") } catch let error as CallError
            where error.code == .invalidArgument && error.message.hasPrefix("cwd ")
        {
            // Not every user has a home.
            return try await run(on: link, at: "/")
        }
    }

    private func run(on link: GuestLink, at directory: String) async throws -> Result {
        var command = GuestLink.Command(
            "/bin/bash",
            ["-c", command],
            user: user,
            environment: environment,
            directory: directory
        )
        command.input = input
        command.limit = limit
        let guestCommand = command
        let collector = Collector()
        do {
            try await withDeadline(limit + Self.grace) {
                try await link.start(guestCommand) { events in
                    while let message = try await events.next() { if collector.take(message.event) { return } }
                    throw CallError(.dataLoss, "The VM's answer ended before the command did")
                }
            }
        } catch let error as CallError where error.code == .deadlineExceeded {
            // The guest has killed it; what it wrote until then is the answer.
        }
        return collector.result
    }
}

/// Puts the output of a command together, as much as may be kept.
private final class Collector: Sendable {
    private let state = Mutex(ShellCommand.Result())

    var result: ShellCommand.Result { state.withLock { $0 } }

    /// - Returns: whether this was the end.
    func take(_ event: ProcessEvent) -> Bool {
        state.withLock { result in
            if let bytes = event.data?.stdout { Self.add(bytes, to: &result.output, &result.isCut) }
            if let bytes = event.data?.stderr { Self.add(bytes, to: &result.error, &result.isCut) }
            guard let end = event.end else { return false }
            result.status = Self.status(end)
            return true
        }
    }

    private static func add(_ bytes: Data, to all: inout [UInt8], _ isCut: inout Bool) {
        let room = ShellCommand.outputLimit - all.count
        all += bytes.prefix(room)
        if bytes.count > room { isCut = true }
    }

    /// As a shell tells it: 128 and the signal's number for what a signal has ended.
    private static func status(_ end: ProcessEvent.End) -> Int32 {
        end.signal.map { 128 + $0 } ?? end.exitCode ?? 0
    }
}
