import Access
import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Runs
import Wire

extension CallRouter {
    mutating func addRunCalls(_ runs: RunRegistry) {
        onUpload(StartRun.self) { options, upload, context, events in
            try await refusing { try await start(options, upload, context, events, in: runs) }
        }
        on(CancelRun.self) { request, _ in
            try await refusing { try await runs.cancel(request.id) }
            return Empty()
        }
        on(GetRun.self) { request, _ in
            try await refusing { try await runs.report(request.id) }
        }
        on(ListRuns.self) { request, _ in
            try await refusing {
                ListRuns.Response(runs: try await runs.list(limit: min(max(1, request.limit), 10_000)))
            }
        }
        on(RemoveRun.self) { request, _ in
            try await refusing { try await runs.remove(request.id) }
            return Empty()
        }
        on(ReadTranscript.self) { request, _, events in
            try await refusing {
                let file = try Descriptor.open(try await runs.transcriptFile(request.id), O_RDONLY)
                var lines = LineSplitter()
                while true {
                    let bytes = try await BlockingPool.run { try file.read(upTo: 256 * 1024) }
                    if bytes.isEmpty { return }
                    for line in lines.add(bytes) {
                        // A line that is no JSON, as the agent's last one may be, is given as text.
                        let text = String(decoding: line, as: UTF8.self)
                        try await events.send((try? JSONValue(parsing: line)) ?? .string(text))
                    }
                }
            }
        }
    }
}

/// Runs, and cancels the run when its caller goes away.
private func start(
    _ options: RunOptions,
    _ upload: Upload,
    _ context: CallRouter.Context,
    _ events: EventWriter<RunEvent>,
    in runs: RunRegistry
) async throws {
    // A path on this machine means something to this machine's user alone.
    if options.cassette != nil, Caller.current != .local {
        throw CallError(.permissionDenied, "Cassettes are for callers on the daemon's own socket")
    }
    let uploaded = Latch<Void>()
    if !options.hasFiles {
        try await upload.drain()
        uploaded.set(())
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
        let copyFiles: @Sendable (BodyWriter) async throws -> Void = { body in
            try await upload.copy(to: body)
            uploaded.set(())
        }
        group.addTask {
            try await runs.run(
                options,
                key: Caller.current.key?.id,
                isLocal: Caller.current == .local,
                files: options.hasFiles ? copyFiles : nil,
                tell: { try await events.send($0) }
            )
        }
        group.addTask {
            // The connection may be looked at only once the request was read to its end.
            try await uploaded.value()
            try await context.exchange.clientGone()
            throw CallError(.canceled, "The caller went away")
        }
        defer { group.cancelAll() }
        try await group.next()
    }
}
