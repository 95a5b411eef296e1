import Glibc
import Linux
import RPC
import Wire

/// `martlet.guest.v1.Units`, for the host.
struct UnitService: Sendable {
    /// The longest that an answer waits for starts to come to an end.
    private static let longestPatience = 3600.0

    let supervisor: Supervisor
    let processes: Processes

    func register(in router: inout CallRouter) {
        router.on(PutUnits.self) { request, _ in
            try supervisor.put(request.units)
            return Empty()
        }
        router.on(ListUnits.self) { request, _ in
            ListUnits.Response(units: try supervisor.list(request.names))
        }
        router.on(ControlUnits.self) { request, _ in
            switch request.verb {
            case .start: try supervisor.start(request.names)
            case .stop: try await supervisor.stop(try request.names ?? supervisor.list().map(\.unit.name))
            case .restart: try await supervisor.restart(try request.names ?? supervisor.list().map(\.unit.name))
            }
            if request.verb != .stop, request.patience > 0 {
                let patience = min(request.patience, Self.longestPatience)
                await supervisor.settled(request.names, within: .seconds(patience))
            }
            // One that succeeded and was to be forgotten is not there any more.
            let known = try supervisor.list()
            return ListUnits.Response(
                units: known.filter { request.names?.contains($0.unit.name) ?? true }
            )
        }
        router.on(RemoveUnit.self) { request, _ in
            try await supervisor.remove(request.name)
            return Empty()
        }
        router.on(ReadUnitLog.self) { request, _ in
            ReadUnitLog.Response(
                lines: try supervisor.unit(request.name).log.read(request.lines, since: request.since)
            )
        }
        router.on(HaltPrograms.self) { _, _ in
            await supervisor.halt()
            await processes.halt()
            try await BlockingPool.run { sync() }
            return Empty()
        }
    }
}
