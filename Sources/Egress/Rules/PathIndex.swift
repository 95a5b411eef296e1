/// Rules by what they ask of a path: a request is held against those that its path could mean, however many there are.
struct PathIndex: Sendable {
    /// The places of those that ask nothing.
    private var every: [Int] = []
    private var whole: [[UInt8]: [Int]] = [:]
    /// By the length of what paths begin with, of which there are few.
    private var beginnings: [Int: [[UInt8]: [Int]]] = [:]

    init(_ rules: [ReadyRule]) {
        for (place, rule) in rules.enumerated() {
            switch rule.paths {
            case nil: every.append(place)
            case .one(let path): whole[path, default: []].append(place)
            case .beginning(let start): beginnings[start.count, default: [:]][start, default: []].append(place)
            }
        }
    }

    /// The places of the rules that could be about the path, in their order.
    func candidates(for path: [UInt8]) -> [Int] {
        var places = every + (whole[path] ?? [])
        for (length, starts) in beginnings where length <= path.count {
            places += starts[Array(path.prefix(length))] ?? []
        }
        return places.sorted()
    }
}
