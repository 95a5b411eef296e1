import HTTP

/// A rule made ready for many requests.
struct ReadyRule: Sendable {
    /// Texts that are meant: one, or with `*` at its end all that begin so.
    enum Texts: Sendable {
        case one([UInt8])
        case beginning([UInt8])

        init(_ text: String) {
            self = text.hasSuffix("*") ? .beginning(Array(text.utf8.dropLast())) : .one(Array(text.utf8))
        }

        func contain(_ text: [UInt8]) -> Bool {
            switch self {
            case .one(let one): text == one
            case .beginning(let start): text.starts(with: start)
            }
        }
    }

    let id: String
    private let methods: Set<String>?
    /// Nil is every path.
    let paths: Texts?
    private let conditions: [(field: String, texts: Texts)]
    /// What it sets, by field.
    let values: [(field: String, value: HeaderValue)]
    /// The names of those in small letters.
    let fields: Set<String>
    /// Whose placeholders are replaced where, by field in small letters.
    let placeholders: [(field: String, placeholder: Placeholder)]

    init(_ rule: HeaderRule) {
        id = rule.id
        methods = rule.methods.map { Set($0.map { $0.uppercased() }) }
        paths = rule.path.map { Texts($0) }
        conditions = (rule.conditions ?? [:]).map { ($0.key.lowercased(), Texts($0.value)) }
        let all = rule.headers.sorted { $0.key < $1.key }
            .compactMap { field, text in HeaderValue(text).map { (field: field, value: $0) } }
        values = all.filter { $0.value.placeholder == nil }
        fields = Set(values.map { $0.field.lowercased() })
        placeholders = all.compactMap { field, value in value.placeholder.map { (field.lowercased(), Placeholder($0)) }
        }
    }

    /// Whether it is about this request. A rule for some paths is about none that two servers could read as two, and one with
    /// conditions about no field that is there twice.
    func applies(to facts: Facts) -> Bool {
        if let methods, !methods.contains(facts.method) { return false }
        if let paths, !facts.isPlain || !paths.contain(facts.path) { return false }
        return conditions.allSatisfy { condition in
            let values = facts.headers[condition.field] ?? []
            return values.count == 1 && condition.texts.contain(values[0])
        }
    }

    /// What rules ask of a request, found once for all of them.
    struct Facts {
        let method: String
        let path: [UInt8]
        /// Whether the path has no part that some server would resolve: dots, empty parts, and what is encoded.
        let isPlain: Bool
        /// By names in small letters.
        let headers: [String: [[UInt8]]]

        init(_ request: RuledRequest) {
            method = request.method
            path = Array(request.path.utf8)
            isPlain = Self.isPlain(request.path)
            headers = request.headers.fields.reduce(into: [:]) { headers, field in
                headers[field.name.lowercased(), default: []].append(Array(field.value.utf8))
            }
        }

        private static func isPlain(_ path: String) -> Bool {
            guard path.hasPrefix("/"), !path.utf8.contains(0x25), !path.utf8.contains(0x5C), !path.utf8.contains(0x3B)
            else {
                return false
            }
            return path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().dropLast()
                .allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." } && !path.hasSuffix("/.")
                && !path.hasSuffix("/..")
        }
    }
}
