import Linux
import Synchronization
import Wire

/// The units of this guest.
final class Supervisor: Sendable {
    private let launcher: UnitLauncher
    private let units = Mutex<[String: SupervisedUnit]>([:])

    init(_ launcher: UnitLauncher) { self.launcher = launcher }

    // MARK: What there is

    func put(_ new: [Unit]) throws(CallError) {
        for unit in new { try Self.check(unit) }
        var definitions = units.withLock { $0.mapValues(\.unit) }
        for unit in new { definitions[unit.name] = unit }
        if let circle = UnitOrder(definitions.values).circle {
            let names = circle.map { "'\($0)'" }.joined(separator: ", ")
            throw CallError(.invalidArgument, "The units \(names) wait for each other, so none of them can start")
        }
        let consequences = SupervisedUnit.Consequences(
            failed: { [weak self] unit in try? self?.start(unit.onFailure) },
            forget: { [weak self] unit in self?.forget(unit) }
        )
        units.withLock { units in
            for unit in new {
                if let known = units[unit.name] {
                    known.become(unit)
                } else {
                    units[unit.name] = SupervisedUnit(unit, launcher, consequences)
                }
            }
        }
    }

    private static func check(_ unit: Unit) throws(CallError) {
        let isName =
            (1...128).contains(unit.name.utf8.count)
            && unit.name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "-_.@".utf8.contains(byte)
            }
        guard isName else { throw CallError(.invalidArgument, "'\(unit.name)' is no name of a unit") }
        guard !unit.commands.isEmpty, !unit.commands.contains(where: { $0.isEmpty || $0.utf8.contains(0) }) else {
            throw CallError(.invalidArgument, "The unit '\(unit.name)' has no command, or an empty one")
        }
    }

    private func forget(_ unit: SupervisedUnit) {
        units.withLock { if $0[unit.name] === unit { $0[unit.name] = nil } }
    }

    func unit(_ name: String) throws(CallError) -> SupervisedUnit {
        guard let unit = units.withLock({ $0[name] }) else {
            throw CallError(.notFound, "There is no unit '\(name)'")
        }
        return unit
    }

    func list(_ names: [String]? = nil) throws(CallError) -> [UnitStatus] {
        if let names {
            var list: [UnitStatus] = []
            for name in names { list.append(try unit(name).status) }
            return list
        }
        return all.map(\.status)
    }

    private var all: [SupervisedUnit] { units.withLock { $0.values.sorted { $0.name < $1.name } } }

    // MARK: Starting

    /// Starts units, and before them those that they require; returns at once.
    ///
    /// - Parameter names: nil means those that start with the machine.
    func start(_ names: [String]? = nil) throws(CallError) {
        let names = names ?? all.filter(\.unit.isEnabled).map(\.name)
        var starting: [String: SupervisedUnit] = [:]
        var open = names
        while let name = open.popLast() {
            guard starting[name] == nil else { continue }
            let unit = try unit(name)
            starting[name] = unit
            // What there is of systemd's own is there: the network, the file systems.
            open += unit.unit.requires.filter { !$0.hasSuffix(".target") }
        }
        // Each is seen to be starting by those that wait for it.
        for name in UnitOrder(starting.values.map(\.unit)).sorted {
            guard let unit = starting[name] else { continue }
            let definition = unit.unit
            let before = (definition.after + definition.requires).compactMap { name in units.withLock { $0[name] } }
            unit.start {
                for other in before {
                    guard (try? await other.settled()) != nil else { return nil }
                    if definition.requires.contains(other.name), other.status.state == .failed {
                        return "The unit '\(other.name)', which it requires, has failed"
                    }
                }
                return nil
            }
        }
    }

    /// Waits until starts have come to an end, or for `patience`.
    func settled(_ names: [String]?, within patience: Duration) async {
        let waited = all.filter { names?.contains($0.name) ?? $0.unit.isEnabled }
        try? await withDeadline(patience) { for unit in waited { try await unit.settled() } }
    }

    // MARK: Stopping

    /// Stops units, and before them those that require them.
    ///
    /// - Returns: all that ran and were stopped.
    @discardableResult func stop(_ names: [String]) async throws(CallError) -> [String] {
        for name in names { _ = try unit(name) }
        let order = UnitOrder(all.map(\.unit))
        return await stop(all.filter { order.dependents(of: names).contains($0.name) }, order)
    }

    private func stop(_ stopping: [SupervisedUnit], _ order: UnitOrder) async -> [String] {
        let running = stopping.filter { $0.status.state != .inactive && $0.status.state != .failed }
        let latches = Dictionary(uniqueKeysWithValues: running.map { ($0.name, Latch<Void>()) })
        await withTaskGroup { group in
            for unit in running {
                group.addTask {
                    // Last started, first stopped.
                    for follower in order.followers(of: unit.name) { _ = try? await latches[follower]?.value() }
                    await unit.stop()
                    latches[unit.name]?.set(())
                }
            }
        }
        return running.map(\.name)
    }

    func restart(_ names: [String]) async throws(CallError) {
        let stopped = try await stop(names)
        try start(Array(Set(names + stopped)))
    }

    /// Stops all units; they are started again with the machine.
    func halt() async { _ = await stop(all, UnitOrder(all.map(\.unit))) }

    func remove(_ name: String) async throws(CallError) {
        let unit = try unit(name)
        try await stop([name])
        forget(unit)
    }

    /// Stops and forgets all units.
    func removeAll() async {
        await halt()
        units.withLock { $0 = [:] }
    }
}
