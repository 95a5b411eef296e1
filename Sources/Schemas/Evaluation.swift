import Wire

/// One validation while it runs: where in the instance it is, through which schemas it came, and what it found.
///
/// Each rule answers whether it holds. While ``isQuiet`` nothing is written down and the first rule that does not hold
/// ends its schema: that is how alternatives are tried.
struct Evaluation {
    /// Nested applications of schemas. A recursive schema takes about two for each level of the instance.
    static let depthLimit = 512
    /// Applications of schemas, items and members looked at. Seconds of work; no honest schema comes near.
    static let stepLimit = 2_000_000

    let program: Program
    var path = InstancePath()
    var faults: [Fault] = []
    var isQuiet = false
    /// Set when the work was given up; from then on nothing holds and nothing more is done.
    private(set) var surrender: String?
    /// The resources through which the current schema was reached, outermost first, for `$dynamicRef`.
    private(set) var scope: [Int] = []
    private var depth = 0
    private var steps = 0

    init(_ program: Program) {
        self.program = program
    }

    mutating func faults(of instance: JSONValue) -> [Fault] {
        var seen = Seen()
        _ = apply(program.root, to: instance, &seen)
        if let surrender {
            faults = Array(faults.prefix(Fault.limit - 1))
            faults.append(Fault(instancePath: "", schemaPath: "", message: "/: " + surrender))
        }
        return faults
    }

    /// Applies the schema `number` to `instance`, and adds what it looked at to `seen` when it holds.
    mutating func apply(_ number: Int, to instance: JSONValue, _ seen: inout Seen) -> Bool {
        guard spend(1) else { return false }
        guard depth < Self.depthLimit else {
            surrender = "the value or its schema is nested too deep to be checked; make it flatter"
            return false
        }
        let node = program.nodes[number]
        depth += 1
        let entersResource = scope.last != node.resource
        if entersResource { scope.append(node.resource) }
        defer {
            depth -= 1
            if entersResource { scope.removeLast() }
        }
        var own = Seen()
        var holds = true
        for keyword in node.keywords {
            // What a failed schema looked at is unknown, so what it left over cannot be told.
            if !holds, keyword.needsBook { break }
            if !check(keyword, of: node, on: instance, &own) {
                holds = false
                if isQuiet || surrender != nil { return false }
            }
        }
        if holds, program.keepsBook { seen.formUnion(own) }
        return holds
    }

    /// Counts work. False when there was too much of it.
    mutating func spend(_ work: Int) -> Bool {
        steps += work
        if steps > Self.stepLimit, surrender == nil {
            surrender = "checking was given up after \(Self.stepLimit) steps; the value is too large for this schema"
        }
        return surrender == nil
    }

    /// Applies a schema without writing anything down.
    mutating func holdsQuietly(_ number: Int, on instance: JSONValue, _ seen: inout Seen) -> Bool {
        let wasQuiet = isQuiet
        isQuiet = true
        defer { isQuiet = wasQuiet }
        return apply(number, to: instance, &seen)
    }

    /// Writes a fault down; false, so that a rule can answer with it.
    mutating func fail(_ node: Node, _ keyword: String, _ message: @autoclosure () -> String) -> Bool {
        guard !isQuiet, surrender == nil, faults.count < Fault.limit else { return false }
        let pointer = path.pointer
        faults.append(
            Fault(
                instancePath: pointer,
                schemaPath: (node.place.document.isEmpty ? "" : node.place.document + "#")
                    + (keyword.isEmpty ? node.place : node.place[keyword]).pointer,
                message: "\(pointer.isEmpty ? "/" : pointer.clipped(to: 300)): \(message())"
            )
        )
        return false
    }

    private mutating func check(
        _ keyword: Keyword,
        of node: Node,
        on instance: JSONValue,
        _ seen: inout Seen
    ) -> Bool {
        switch keyword {
        case .never, .type, .constant, .enumeration, .multipleOf, .bound, .maxLength, .minLength, .pattern, .format:
            checkValue(keyword, of: node, on: instance)
        case .prefixItems, .items, .contains, .maxItems, .minItems, .uniqueItems, .unevaluatedItems:
            if case .array(let items) = instance { checkArray(keyword, of: node, on: items, &seen) } else { true }
        case .properties, .propertyNames, .required, .dependentRequired, .maxProperties, .minProperties,
            .unevaluatedProperties:
            if case .object(let members) = instance { checkObject(keyword, of: node, on: members, &seen) } else { true }
        case .reference, .dynamicReference, .dependentSchemas, .allOf, .anyOf, .oneOf, .not, .conditional:
            checkInPlace(keyword, of: node, on: instance, &seen)
        }
    }
}

/// The members and items that schemas looked at, for `unevaluatedProperties` and `unevaluatedItems`.
struct Seen {
    var names: Set<String> = []
    var allNames = false
    var items: Set<Int> = []
    /// The items before this place.
    var prefix = 0

    mutating func formUnion(_ other: Seen) {
        names.formUnion(other.names)
        allNames = allNames || other.allNames
        items.formUnion(other.items)
        prefix = max(prefix, other.prefix)
    }
}

/// The way from the root of the instance to the value in hand.
struct InstancePath {
    private enum Step {
        case name(String)
        case place(Int)
    }

    private var steps: [Step] = []

    mutating func enter(_ name: String) { steps.append(.name(name)) }
    mutating func enter(_ place: Int) { steps.append(.place(place)) }
    mutating func leave() { steps.removeLast() }

    var pointer: String {
        steps.reduce(into: "") { text, step in
            switch step {
            case .name(let name): text += "/" + JSONPointer.escaped(name)
            case .place(let place): text += "/\(place)"
            }
        }
    }
}

extension Keyword {
    fileprivate var needsBook: Bool {
        switch self {
        case .unevaluatedItems, .unevaluatedProperties: true
        default: false
        }
    }
}
