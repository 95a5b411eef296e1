import Linux
import RPC
import Wire

/// `filesystem.Filesystem`, as E2B's envd speaks it.
struct FilesystemService: Sendable {
    let requester: Requesters

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
    }

    private func files(_ place: Place) -> Files {
        Files(account: place.account, switchesUser: requester.users.areSwitched)
    }

    private func open(_ path: String, _ context: CallRouter.Context) async throws -> (Files, String) {
        let place = try await requester.place(context.headers)
        return (files(place), try place.resolve(path))
    }
}
