import Wire

/// Which machines a list is asked for, and which part of them.
struct VMQuery: Sendable, Hashable {
    static let largestPage: Int64 = 1000

    private let state: VM.State?
    private let slug: String?
    private let search: String?
    private let snapshot: String?
    private let metadata: [String: String]
    private let limit: Int
    private let offset: Int

    init(_ request: Request) throws {
        state = try request.item("state").map { text in
            guard let state = VM.State(rawValue: text) else {
                let all = VM.State.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
                throw FreestyleError.badRequest("'state' must be one of \(all)")
            }
            return state
        }
        slug = request.item("slug")
        search = request.item("search")?.lowercased()
        snapshot = request.item("snapshotId")
        metadata = try MetadataPairs.read(request.item("metadata"))
        limit = Int(try request.integer("limit", in: 1...Self.largestPage) ?? 100)
        offset = Int(try request.integer("offset", in: 0...Int64(Int32.max)) ?? 0)
        if let vpc = request.item("vpc") { throw FreestyleError.notFound("There is no VPC '\(vpc)'") }
    }

    func accepts(_ vm: VM) -> Bool { (state.map { vm.state == $0 } ?? true) && accepts(vm.record) }

    func accepts(_ record: VMRecord) -> Bool {
        (slug.map { record.slug == $0 } ?? true) && (snapshot.map { record.snapshot == $0 } ?? true)
            && metadata.allSatisfy { record.metadata[$0.key] == $0.value }
            && (search.map { words in
                [record.id, record.slug ?? "", record.displayName ?? ""].contains { $0.lowercased().contains(words) }
            } ?? true)
    }

    func page<Element>(of all: [Element]) -> [Element] { Array(all.dropFirst(offset).prefix(limit)) }
}
