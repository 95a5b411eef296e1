// The host's end of the line to one guest: calls to its agent, files, and the tunnels by which the guest's own connections
// come out. Everything that arrives here was made by the guest and is hostile.

import FoundationEssentials
import HTTP
import Linux
import RPC
import Wire

/// A guest's agent, as the host sees it.
package struct GuestLink: Sendable {
    let http: HTTPClient
    /// Calls to the agent, with the token.
    package let calls: CallClient

    /// - Parameter token: the sandbox's access token; it leaves this process only towards the guest.
    package init(_ line: GuestLine, token: Secret) {
        http = line.http
        calls = CallClient(
            http: http,
            headers: ["Host": "guest", GuestProtocol.tokenHeader: token.exposed { $0 }]
        )
    }

    /// Takes the identity from the guest again: what is saved or paused now is nobody's.
    package func release() async throws {
        let head = RequestHead(method: "POST", target: GuestProtocol.releasePath, headers: calls.headers)
        let answer = try await http.send(head, limit: 65_536)
        try Self.check(answer, "give its identity back")
    }

    /// Sends somebody else's request as it is: the guest checks the token that it carries, if any.
    package func forward<Result: Sendable>(
        _ request: RequestHead,
        body: HTTPClient.Body,
        _ handle: @Sendable @escaping (HTTPClient.Response) async throws -> Result
    ) async throws -> Result {
        try await http.withResponse(to: request, body: body, handle)
    }

    /// The client for somebody else's requests to switch protocols, each on a connection of its own.
    package var upgrades: HTTPClient { http }

    package func call<Call: UnaryCall>(_ call: Call.Type, _ request: Call.Request, user: String? = nil) async throws
        -> Call.Response
    {
        var calls = calls
        if let user { calls.headers["Authorization"] = Self.authorization(user) }
        return try await calls.call(call, request)
    }

    private static func authorization(_ user: String) -> String {
        "Basic \(Data("\(user):".utf8).base64EncodedString())"
    }

    // MARK: Processes

    /// A program to run in the guest.
    package struct Command: Sendable {
        package var config: ProcessConfig
        package var user: String?
        /// Standard input; nil is `/dev/null`.
        package var input: [UInt8]?
        package var terminal: TerminalSize?
        package var spool = false
        /// Whether it goes on when the guest is released.
        package var isService = false
        /// What it can be found again by.
        package var tag: String?
        /// After which the guest kills it.
        package var limit: Duration?

        package init(
            _ cmd: String,
            _ args: [String] = [],
            user: String? = nil,
            environment: [String: String] = [:],
            directory: String? = nil
        ) {
            config = ProcessConfig(cmd: cmd, args: args, envs: environment, cwd: directory)
            self.user = user
        }
    }

    /// Starts a program and gives its events to `handle` until that returns; the first is always `start`.
    package func start<Result: Sendable>(
        _ command: Command,
        openInput: Bool = false,
        _ handle: @Sendable @escaping (inout MessageReader<ProcessStreamEvent>) async throws -> Result
    ) async throws -> Result {
        var headers: Headers = [:]
        if let user = command.user { headers["Authorization"] = Self.authorization(user) }
        if let limit = command.limit { headers["Connect-Timeout-Ms"] = String(Int64(limit / .milliseconds(1))) }
        let request = StartProcess.Request(
            process: command.config,
            pty: command.terminal.map { TerminalRequest(size: $0) },
            tag: command.tag,
            stdin: openInput || command.input != nil,
            spool: command.spool ? true : nil,
            service: command.isService ? true : nil
        )
        let input = command.input
        return try await calls.stream(StartProcess.self, request, headers: headers) { events in
            if let input, !openInput {
                guard let first = try await events.next(), let pid = first.event.start?.pid else {
                    throw CallError(.dataLoss, "The guest did not say which process it started")
                }
                // Fed while its output is read: a program may write before it has read all.
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await feed(input, to: ProcessSelector(pid: pid)) }
                    var events = events
                    let result = try await handle(&events)
                    group.cancelAll()
                    return result
                }
            }
            return try await handle(&events)
        }
    }

    /// A program may end before it has read its input; then there is nobody to write to, which is no error.
    private func feed(_ input: [UInt8], to process: ProcessSelector) async throws {
        do {
            try await write(input, to: process)
            try await closeInput(of: process)
        } catch is CallError {
        }
    }

    /// Runs a program to its end.
    package func run(_ command: Command, outputLimit: Int = 16 * 1024 * 1024) async throws -> CommandResult {
        try await start(command) { events in
            var result = CommandResult()
            while let message = try await events.next() {
                if let data = message.event.data {
                    result.output += data.stdout.map(Array.init) ?? []
                    result.error += data.stderr.map(Array.init) ?? []
                    guard result.output.count + result.error.count <= outputLimit else {
                        throw CallError(
                            .resourceExhausted,
                            "'\(command.config.cmd)' wrote more than \(outputLimit) bytes"
                        )
                    }
                }
                if let end = message.event.end {
                    result.status = end.exited == false ? -1 : end.exitCode ?? 0
                    result.statusText = end.status ?? ""
                    return result
                }
            }
            throw CallError(.dataLoss, "The guest's stream ended before '\(command.config.cmd)' did")
        }
    }

    /// Waits for the end of a process that was started before.
    package func ending(of pid: UInt32) async throws -> ProcessEvent.End {
        try await calls.stream(ConnectProcess.self, .init(process: ProcessSelector(pid: pid))) { events in
            while let message = try await events.next() {
                if let end = message.event.end { return end }
            }
            throw CallError(.dataLoss, "The guest's stream ended before the process did")
        }
    }

    // MARK: Files

    package func writeFile(_ bytes: [UInt8], to path: String, user: String) async throws {
        let answer = try await http.send(
            request("POST", "/files", path: path, user: user, ["Content-Type": "application/octet-stream"]),
            body: .bytes(bytes)
        )
        try Self.check(answer, "write '\(path)'")
    }

    package func readFile(_ path: String, user: String, limit: Int) async throws -> [UInt8] {
        let answer = try await http.send(request("GET", "/files", path: path, user: user), limit: limit)
        try Self.check(answer, "read '\(path)'")
        return answer.body
    }

    /// Unpacks a tar stream into a directory of the guest.
    package func unpack(
        into path: String,
        user: String,
        _ write: @Sendable @escaping (BodyWriter) async throws -> Void
    ) async throws {
        let head = request(
            "POST",
            GuestProtocol.unpackPath,
            path: path,
            user: user,
            ["Content-Type": "application/x-tar"]
        )
        let answer = try await http.send(head, body: .stream(length: nil, write))
        try Self.check(answer, "copy files into '\(path)'")
    }

    /// Packs a directory of the guest as a tar stream and gives its bytes to `take`.
    package func pack(
        _ path: String,
        user: String,
        _ take: @Sendable @escaping ([UInt8]) async throws -> Void
    ) async throws {
        try await http.withResponse(to: request("GET", GuestProtocol.packPath, path: path, user: user)) { response in
            guard response.head.status == 200 else {
                let body = try await response.body.collect(limit: 65_536)
                return try Self.check((response.head, body), "copy '\(path)' out")
            }
            while true {
                let bytes = try await response.body.read()
                if bytes.isEmpty { return }
                try await take(bytes)
            }
        }
    }

    private func request(
        _ method: String,
        _ endpoint: String,
        path: String,
        user: String,
        _ extra: Headers = [:]
    ) -> RequestHead {
        var head = RequestHead(
            method: method,
            target: "\(endpoint)?path=\(PercentEncoding.encode(path))&username=\(PercentEncoding.encode(user))",
            headers: calls.headers
        )
        for field in extra.fields { head.headers[field.name] = field.value }
        return head
    }

    static func check(_ answer: (head: ResponseHead, body: [UInt8]), _ action: String) throws {
        if answer.head.status < 300 { return }
        let words = (try? JSONValue(parsing: answer.body))?["message"]?.string
        throw CallError(
            CallError.code(forStatus: answer.head.status),
            "The guest could not \(action): \(words ?? "status \(answer.head.status)")"
        )
    }
}

/// What a program wrote and how it ended.
package struct CommandResult: Sendable {
    package var output: [UInt8] = []
    package var error: [UInt8] = []
    /// The exit status, or -1 when a signal ended it.
    package var status: Int32 = 0
    package var statusText = ""

    package init() {}

    package var text: String { String(decoding: output, as: UTF8.self) }
    package var errorText: String { String(decoding: error, as: UTF8.self) }
}
