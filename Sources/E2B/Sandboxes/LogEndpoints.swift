import Access
import FoundationEssentials
import GuestLink
import Sandboxes
import Wire

/// Logs and measurements of sandboxes.
struct LogEndpoints: Sendable {
    /// Of how many sandboxes measurements may be asked for at once.
    private static let mostSandboxes = 100

    let sandboxes: SandboxRegistry
    let endpoints: SandboxEndpoints

    /// What happened in a sandbox that runs, or did until a while ago.
    private func journal(_ request: Request) async throws -> [JournalEntry] {
        do {
            return try await endpoints.find(request).entries()
        } catch let error as RESTError where error.status == 404 {
            let id = String(request["id"].prefix { $0 != "-" })
            guard let ended = sandboxes.archive.sandbox(id), request.caller.sees(ended.owner) else { throw error }
            return (try? await sandboxes.archive.entries(id)) ?? []
        }
    }

    func first(_ request: Request) async throws -> Answer {
        let query = try LogQuery(first: request.query)
        let views = query.entries(of: try await journal(request))
        return try Answer(200, LogsModel(logs: views.map(\.line), logEntries: views.map(\.model)))
    }

    func second(_ request: Request) async throws -> Answer {
        let query = try LogQuery(second: request.query)
        let views = query.entries(of: try await journal(request))
        return try Answer(200, SecondLogsModel(logs: views.map(\.model)))
    }

    func metrics(_ request: Request) async throws -> Answer {
        let start = try request.query.integer("start")
        let end = try request.query.integer("end")
        let sandbox = try endpoints.find(request)
        let samples = try await sandbox.metrics().map(MetricModel.init)
        return try Answer(
            200,
            samples.filter { $0.timestampUnix >= start ?? .min && $0.timestampUnix <= end ?? .max }
        )
    }

    /// The last measurement of each of several sandboxes; those that are not there, or silent, are left out.
    func metricsOfMany(_ request: Request) async throws -> Answer {
        let ids = Set(request.query.list("sandbox_ids"))
        guard (1...Self.mostSandboxes).contains(ids.count) else {
            throw RESTError.badRequest("'sandbox_ids' must name 1 to \(Self.mostSandboxes) sandboxes")
        }
        let found = ids.compactMap { sandboxes.sandbox(exactly: $0) }
            .filter { request.caller.sees($0.record.owner) }
        let metrics = await withTaskGroup(of: (String, MetricModel?).self) { group in
            for sandbox in found {
                group.addTask {
                    let samples = try? await sandbox.metrics()
                    return (sandbox.id, samples?.last.map(MetricModel.init))
                }
            }
            return await group.reduce(into: [String: MetricModel]()) { all, one in all[one.0] = one.1 }
        }
        return try Answer(200, MetricsByIDModel(sandboxes: metrics))
    }
}

extension MetricModel {
    init(_ sample: MetricSample) {
        timestamp = Timestamp(sample.time)
        timestampUnix = timestamp.microseconds / 1_000_000
        cpuCount = sample.processors
        cpuUsedPct = sample.processorPercent
        memUsed = sample.memoryUsed
        memTotal = sample.memoryTotal
        memCache = sample.memoryCached
        diskUsed = sample.diskUsed
        diskTotal = sample.diskTotal
    }
}
