import Access
import HTTP
import Sandboxes

/// `SandboxSnapshotRequest`.
struct SnapshotRequestModel: Codable, Sendable, Hashable {
    var name: String?
    var memory: Bool?
}

/// `SnapshotInfo`.
struct SnapshotModel: Codable, Sendable, Hashable {
    var snapshotID: String
    var names: [String]
}

extension SnapshotModel {
    /// A snapshot is a template with one tag: made sandboxes of by its id, which is its name where it has one.
    init(_ snapshot: NamedSnapshot) {
        let reference = "\(snapshot.name.map { "\(Owner.installation.rawValue)/\($0)" } ?? snapshot.id)"
        snapshotID = "\(reference):\(TemplateName.defaultTag)"
        names = snapshot.name == nil ? [] : [reference]
    }
}

/// Snapshots of sandboxes that go on.
extension SandboxEndpoints {
    private static let largestPage: Int64 = 100

    func keep(_ request: Request) async throws -> Answer {
        let model = try await request.body(SnapshotRequestModel.self, absent: SnapshotRequestModel())
        let sandbox = try find(request)
        var name: String?
        if let given = model.name {
            guard let reference = TemplateReference(given, for: request.caller), TemplateName.isDefault(reference.tag)
            else {
                throw RESTError.badRequest("'name' can not be the name of a snapshot")
            }
            name = reference.name
        }
        let snapshot = try await sandboxes.keep(sandbox, as: name, keepsMemory: model.memory ?? true)
        return try Answer(201, SnapshotModel(snapshot))
    }

    func listSnapshots(_ request: Request) async throws -> Answer {
        let (sandbox, name) = (
            request.query["sandboxID"],
            request.query["name"].flatMap { TemplateReference($0, for: request.caller)?.name }
        )
        let limit = try request.query.integer("limit", in: 1...Self.largestPage) ?? Self.largestPage
        let after = request.query["nextToken"]
        let all = try await sandboxes.namedSnapshots(of: request.caller.owner).reversed()
            .filter { sandbox == nil || $0.sandbox == sandbox }
            .filter { request.query["name"] == nil || $0.name == name || $0.id == name }
        var rest = all[...]
        if let after {
            guard let index = all.firstIndex(where: { $0.id == after }) else {
                throw RESTError.badRequest("'nextToken' is not one that this list gave, or its snapshot is gone")
            }
            rest = all[(index + 1)...]
        }
        let page = rest.prefix(Int(limit))
        var answer = try Answer(200, page.map { SnapshotModel($0) })
        answer.headers["X-Next-Token"] = rest.count > page.count ? page.last?.id : nil
        return answer
    }
}
