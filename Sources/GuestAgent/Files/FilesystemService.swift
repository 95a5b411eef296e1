import HTTP
import Linux
import RPC
import Wire

/// `filesystem.Filesystem`, as E2B's envd speaks it.
struct FilesystemService: Sendable {
    let requester: Requesters
    let watchers: Watchers

    func register(in router: inout CallRouter) {
        router.on(StatFile.self) { request, context in
            let (files, path) = try await open(request.path, context)
            return try await BlockingPool.run { StatFile.Response(entry: try files.describe(path)) }
        }
        router.on(ListDirectory.self) { request, context in
            let (files, path) = try await open(request.path, context)
            return try await BlockingPool.run {
                ListDirectory.Response(entries: try files.list(path, depth: request.depth ?? 1))
            }
        }
        router.on(MakeDirectory.self) { request, context in
            let (files, path) = try await open(request.path, context)
            return try await BlockingPool.run { MakeDirectory.Response(entry: try files.makeDirectory(path)) }
        }
        router.on(MoveFile.self) { request, context in
            let place = try await requester.place(context.headers)
            let source = try place.resolve(request.source)
            let destination = try place.resolve(request.destination)
            let files = files(place)
            return try await BlockingPool.run {
                MoveFile.Response(entry: try files.move(source, to: destination))
            }
        }
        router.on(RemoveFile.self) { request, context in
            let (files, path) = try await open(request.path, context)
            return try await BlockingPool.run {
                try files.remove(path)
                return Empty()
            }
        }
        registerWatching(in: &router)
    }

    private func registerWatching(in router: inout CallRouter) {
        router.on(WatchDirectory.self) { request, context, events in
            let (id, watcher) = try await watch(request, context)
            defer { watchers.remove(id) }
            try await Self.tell(watcher, events, context)
        }
        router.on(CreateWatcher.self) { request, context in
            let (id, watcher) = try await watch(request, context)
            watcher.gatherAhead()
            return WatcherSelector(watcherId: id)
        }
        router.on(ReadWatcher.self) { request, _ in
            let watcher = try watchers.find(request.watcherId)
            return try await BlockingPool.run { ReadWatcher.Response(events: try watcher.take()) }
        }
        router.on(RemoveWatcher.self) { request, _ in
            _ = try watchers.find(request.watcherId)
            watchers.remove(request.watcherId)
            return Empty()
        }
    }

    private func watch(_ request: WatchRequest, _ context: CallRouter.Context) async throws -> (String, Watcher) {
        let path = try await requester.place(context.headers).resolve(request.path)
        let watcher = try await BlockingPool.run { try Watcher(path, request) }
        return (try watchers.add(watcher), watcher)
    }

    /// Streams what happens until the listener is gone; he is told now and then that a quiet stream lives.
    private static func tell(
        _ watcher: Watcher,
        _ events: EventWriter<WatchDirectory.Event>,
        _ context: CallRouter.Context
    ) async throws {
        try await events.send(.start)
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await context.exchange.clientGone() }
            group.addTask {
                while true {
                    do {
                        try await withDeadline(context.keepalivePause) { try await watcher.waitForNews() }
                    } catch is DeadlineExceeded {
                        try await events.send(.keepalive)
                        continue
                    }
                    for change in try await BlockingPool.run({ try watcher.take() }) {
                        try await events.send(.filesystem(change))
                    }
                }
            }
            try await group.next()
        }
    }

    private func files(_ place: Place) -> Files {
        Files(account: place.account, switchesUser: requester.users.areSwitched)
    }

    private func open(_ path: String, _ context: CallRouter.Context) async throws -> (Files, String) {
        let place = try await requester.place(context.headers)
        return (files(place), try place.resolve(path))
    }
}
