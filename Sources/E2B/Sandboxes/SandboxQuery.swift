import FoundationEssentials
import Wire

/// Which sandboxes a list is asked for, and which page of them.
struct SandboxQuery: Sendable {
    static let largestPage = 100

    enum Order: String, Sendable, CaseIterable {
        case descending = "desc"
        case ascending = "asc"
    }

    struct Page: Sendable {
        var sandboxes: [ListedSandbox]
        /// What asks for the next page; nil after the last.
        var next: String?
        /// How many of all that fit are running.
        var running: Int
    }

    private let states: Set<SandboxState>
    private let order: Order
    private let metadata: MetadataFilter
    private let startedAfter: Timestamp?
    /// Nil: any; a template that can not exist fits none.
    private let template: Template?
    private let limit: Int
    private let start: ListCursor?

    private enum Template: Sendable {
        case named(String)
        case none
    }

    init(_ query: Query) throws {
        states = try Self.states(query.list("state"))
        let order = try query.choice("order", Order.self) ?? .descending
        self.order = order
        metadata = try MetadataFilter(query["metadata"])
        startedAfter = try query["startedAfter"].map { text in
            guard let time = Timestamp(text) else {
                throw RESTError.badRequest("'startedAfter' must be a time of RFC 3339, such as 2026-11-20T10:48:08Z")
            }
            return time
        }
        template = try query["template"].map { text in
            guard !text.contains(":") else {
                throw RESTError.badRequest("'template' must be an id or a name without a tag")
            }
            return TemplateReference(text).map { .named($0.name) } ?? .none
        }
        limit = Int(try query.integer("limit", in: 1...Int64(Self.largestPage)) ?? Int64(Self.largestPage))
        start = try query["nextToken"].map { text in
            guard let cursor = ListCursor(text), cursor.order == order else {
                throw RESTError.badRequest("'nextToken' is not one that this list gave, in this order")
            }
            return cursor
        }
    }

    private static func states(_ names: [String]) throws -> Set<SandboxState> {
        if names.isEmpty { return Set(SandboxState.allCases) }
        return Set(
            try names.map { name in
                guard let state = SandboxState(rawValue: name) else {
                    throw RESTError.badRequest("'state' must be 'running', 'paused' or both with a comma")
                }
                return state
            }
        )
    }

    /// - Parameter all: in any order.
    func page(of all: [ListedSandbox]) -> Page {
        let fitting = all.filter(accepts).sorted { isBefore(ListCursor($0, order), ListCursor($1, order)) }
        let rest = fitting.filter { sandbox in start.map { isBefore($0, ListCursor(sandbox, order)) } ?? true }
        let page = Array(rest.prefix(limit))
        return Page(
            sandboxes: page,
            next: rest.count > limit ? page.last.map { ListCursor($0, order).token } : nil,
            running: fitting.count { $0.state == .running }
        )
    }

    private func accepts(_ sandbox: ListedSandbox) -> Bool {
        switch template {
        case .named(let name): guard sandbox.templateID == name || sandbox.alias == name else { return false }
        case .some(.none): return false
        case nil: break
        }
        return states.contains(sandbox.state) && metadata.accepts(sandbox.metadata)
            && startedAfter.map { sandbox.startedAt >= $0 } ?? true
    }

    private func isBefore(_ one: ListCursor, _ other: ListCursor) -> Bool {
        switch order {
        case .ascending: (one.startedAt, one.id) < (other.startedAt, other.id)
        case .descending: (one.startedAt, one.id) > (other.startedAt, other.id)
        }
    }
}

/// A place in a list: behind one sandbox. It stays right when sandboxes come and go meanwhile.
struct ListCursor: Sendable, Hashable {
    let startedAt: Timestamp
    let id: String
    let order: SandboxQuery.Order

    init(_ sandbox: ListedSandbox, _ order: SandboxQuery.Order) {
        startedAt = sandbox.startedAt
        id = sandbox.sandboxID
        self.order = order
    }

    var token: String {
        let text = "\(startedAt.text)__\(id)\(order == .ascending ? "__asc" : "")"
        return Data(text.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .filter { $0 != "=" }
    }

    /// - Returns: nil when no list can have given the token.
    init?(_ token: String) {
        let base = token.replacing("-", with: "+").replacing("_", with: "/")
        let padding = String(repeating: "=", count: (4 - base.utf8.count % 4) % 4)
        guard token.utf8.count <= 256, let bytes = Data(base64Encoded: base + padding),
            let text = String(validating: bytes, as: UTF8.self)
        else { return nil }
        let parts = text.split(separator: "__").map(String.init)
        guard (2...3).contains(parts.count), let time = Timestamp(parts[0]), parts.count == 2 || parts[2] == "asc"
        else {
            return nil
        }
        startedAt = time
        id = parts[1]
        order = parts.count == 3 ? .ascending : .descending
    }
}
