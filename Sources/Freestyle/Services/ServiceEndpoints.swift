import FoundationEssentials
import GuestLink
import Wire

/// `/systemd` of a machine: services that its agent keeps, as there is no systemd in it.
struct ServiceEndpoints: Sendable {
    /// How long an answer waits for starts to come to an end.
    private static let patience = 90.0
    private static let lines: ClosedRange<Int64> = 1...5000

    let machines: VirtualMachines

    // MARK: What there is

    func list(_ request: Request) async throws -> Answer {
        let vm = try await machines.use(request)
        return Self.answer(try await vm.link.call(ListUnits.self, .init()).units)
    }

    /// Puts one there, or all of a list, and starts those that are to start with the machine.
    func add(_ request: Request) async throws -> Answer {
        let vm = try await machines.use(request)
        let members = try request.members()
        let drafts = try (members.objects("services") ?? [members]).map { try ServiceDraft($0) }
        _ = try await vm.link.call(PutUnits.self, .init(units: drafts.map(\.unit)))
        let starting = drafts.map(\.unit).filter(\.isEnabled).map(\.name)
        if !starting.isEmpty { _ = try await vm.link.call(ControlUnits.self, .init(.start, starting)) }
        return Self.answer(try await vm.link.call(ListUnits.self, .init(names: drafts.map(\.unit.name))).units)
    }

    func status(_ request: Request) async throws -> Answer {
        let vm = try await machines.use(request)
        let names = [ServiceDraft.name(request["unit"])]
        guard let status = try await vm.link.call(ListUnits.self, .init(names: names)).units.first else {
            throw FreestyleError.notFound("There is no service '\(names[0])'")
        }
        return Answer(200, status.document)
    }

    func remove(_ request: Request) async throws -> Answer {
        let vm = try await machines.use(request)
        let name = ServiceDraft.name(request["unit"])
        _ = try await vm.link.call(RemoveUnit.self, .init(name: name))
        return Answer(200, ["id": .string("\(name).service")])
    }

    // MARK: What they do

    /// Does one thing with the services that the body names, and tells how they are then.
    func control(_ verb: ControlUnits.Verb) -> @Sendable (Request) async throws -> Answer {
        { request in
            let vm = try await machines.use(request)
            let members = try request.members()
            let names: [String]
            if let texts = try? members.strings("services") {
                names = texts
            } else {
                names = try (members.objects("services") ?? []).map { try $0.text("id") }
            }
            guard !names.isEmpty else { throw FreestyleError.badRequest("'services' names no service") }
            let request = ControlUnits.Request(verb, names.map(ServiceDraft.name), patience: Self.patience)
            return Self.answer(try await vm.link.call(ControlUnits.self, request).units)
        }
    }

    func logs(_ request: Request) async throws -> Answer {
        let vm = try await machines.use(request)
        let log = ReadUnitLog.Request(
            name: ServiceDraft.name(request["unit"]),
            lines: Int(try request.integer("lines", in: Self.lines) ?? 100),
            since: try request.item("since").map(Self.time)
        )
        let lines = try await vm.link.call(ReadUnitLog.self, log).lines
        return Answer(
            200,
            [
                "logs": .array(
                    lines.map { line in
                        [
                            "timestamp": .time(line.time), "message": .string(line.text),
                            "source": .string(line.source.rawValue),
                        ]
                    }
                )
            ]
        )
    }

    /// Reads a time: RFC 3339, or seconds since 1970.
    static func time(_ text: String) throws -> Date {
        if let seconds = Double(text), seconds.isFinite { return Date(timeIntervalSince1970: seconds) }
        for hasFraction in [true, false] {
            let style = Date.ISO8601FormatStyle(includingFractionalSeconds: hasFraction)
            if let date = try? style.parse(text) { return date }
        }
        throw FreestyleError.badRequest("'since' must be a time as in RFC 3339, or seconds since 1970")
    }

    private static func answer(_ units: [UnitStatus]) -> Answer {
        Answer(200, ["services": .array(units.map(\.document))])
    }
}
