import HTTP

/// A rule made ready for many requests.
struct ReadyRule: Sendable {
    private enum Paths: Sendable {
        case every
        case one([UInt8])
        case below([UInt8])
    }

    let id: String
    private let methods: Set<String>?
    private let paths: Paths
    /// What it sets, by field.
    let values: [(field: String, value: HeaderValue)]
    /// The names of those in small letters.
    let fields: Set<String>

    init(_ rule: HeaderRule) {
        id = rule.id
        methods = rule.methods.map { Set($0.map { $0.uppercased() }) }
        switch rule.path {
        case nil: paths = .every
        case let path? where path.hasSuffix("*"): paths = .below(Array(path.utf8.dropLast()))
        case let path?: paths = .one(Array(path.utf8))
        }
        values = rule.headers.sorted { $0.key < $1.key }
            .compactMap { field, text in HeaderValue(text).map { (field, $0) } }
        fields = Set(rule.headers.keys.map { $0.lowercased() })
    }

    /// Whether it is about this request. A rule for some paths is about none that two servers could read as two.
    func applies(to facts: Facts) -> Bool {
        if let methods, !methods.contains(facts.method) { return false }
        switch paths {
        case .every: return true
        case .one(let path): return facts.isPlain && facts.path == path
        case .below(let start): return facts.isPlain && facts.path.starts(with: start)
        }
    }

    /// What rules ask of a request, found once for all of them.
    struct Facts {
        let method: String
        let path: [UInt8]
        /// Whether the path has no part that some server would resolve: dots, empty parts, and what is encoded.
        let isPlain: Bool

        init(_ request: RuledRequest) {
            method = request.method
            path = Array(request.path.utf8)
            isPlain = Self.isPlain(request.path)
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
