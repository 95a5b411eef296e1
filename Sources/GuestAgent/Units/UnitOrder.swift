import Wire

/// Which units start after which.
struct UnitOrder: Sendable {
    /// By a unit's name, those that start before it; only such that are there.
    private let before: [String: Set<String>]
    private let required: [String: Set<String>]

    init(_ units: some Sequence<Unit>) {
        let units = Array(units)
        let names = Set(units.map(\.name))
        before = Dictionary(
            uniqueKeysWithValues: units.map { ($0.name, Set($0.after + $0.requires).intersection(names)) }
        )
        required = Dictionary(uniqueKeysWithValues: units.map { ($0.name, Set($0.requires)) })
    }

    /// All units, each behind those that start before it; without those of a circle.
    var sorted: [String] {
        var rest = before
        var sorted: [String] = []
        while let free = rest.filter({ $0.value.isDisjoint(with: rest.keys) }).keys.min() {
            sorted.append(free)
            rest[free] = nil
        }
        return sorted
    }

    /// Units that can never start because each waits for another of them, if there are any.
    var circle: [String]? {
        let rest = Set(before.keys).subtracting(sorted)
        return rest.isEmpty ? nil : rest.sorted()
    }

    /// Those that start after a unit.
    func followers(of name: String) -> [String] { before.filter { $0.value.contains(name) }.keys.sorted() }

    /// Units, and all that can not be without them.
    func dependents(of names: [String]) -> Set<String> {
        var all = Set(names)
        while true {
            let more = required.filter { !$0.value.isDisjoint(with: all) }.keys
            guard !all.isSuperset(of: more) else { return all }
            all.formUnion(more)
        }
    }
}
