import Wire

extension Evaluation {
    /// The rules for arrays.
    mutating func checkArray(_ keyword: Keyword, of node: Node, on items: [JSONValue], _ seen: inout Seen) -> Bool {
        switch keyword {
        case .prefixItems(let schemas):
            seen.prefix = max(seen.prefix, min(schemas.count, items.count))
            var holds = true
            for (place, schema) in schemas.enumerated() where place < items.count {
                holds = applyItem(schema, at: place, of: items) && holds
                if !holds, isQuiet { break }
            }
            return holds
        case .items(let schema, let start):
            if case .never? = program.nodes[schema].keywords.first, items.count > start {
                return fail(node, "items", "expected at most \(start.of("item")), got \(items.count)")
            }
            seen.prefix = items.count
            return applyEach(schema, of: items, in: start..<max(start, items.count))
        case .unevaluatedItems(let schema):
            let left = (min(seen.prefix, items.count)..<items.count).filter { !seen.items.contains($0) }
            seen.prefix = items.count
            if case .never? = program.nodes[schema].keywords.first, let first = left.first {
                return fail(node, "unevaluatedItems", "unexpected item at place \(first): \(items[first].summary)")
            }
            return applyEach(schema, of: items, in: left)
        case .contains(let schema, let atLeast, let atMost):
            return checkContains(schema, atLeast, atMost, of: node, on: items, &seen)
        case .maxItems(let limit):
            return items.count <= limit
                || fail(node, "maxItems", "expected at most \(limit.of("item")), got \(items.count)")
        case .minItems(let limit):
            return items.count >= limit
                || fail(node, "minItems", "expected at least \(limit.of("item")), got \(items.count)")
        case .uniqueItems:
            guard let (first, second) = twins(in: items) else { return surrender == nil }
            return fail(
                node,
                "uniqueItems",
                "expected no item twice, but items \(first) and \(second) are both \(items[second].summary)"
            )
        default:
            return true
        }
    }

    private mutating func applyItem(_ schema: Int, at place: Int, of items: [JSONValue]) -> Bool {
        path.enter(place)
        defer { path.leave() }
        var inner = Seen()
        return apply(schema, to: items[place], &inner)
    }

    private mutating func applyEach(_ schema: Int, of items: [JSONValue], in places: some Sequence<Int>) -> Bool {
        var holds = true
        for place in places {
            holds = applyItem(schema, at: place, of: items) && holds
            if !holds, isQuiet || surrender != nil { break }
        }
        return holds
    }

    private mutating func checkContains(
        _ schema: Int,
        _ atLeast: Int,
        _ atMost: Int?,
        of node: Node,
        on items: [JSONValue],
        _ seen: inout Seen
    ) -> Bool {
        var count = 0
        for (place, item) in items.enumerated() {
            var inner = Seen()
            guard holdsQuietly(schema, on: item, &inner) else { continue }
            count += 1
            seen.items.insert(place)
            if count > atMost ?? .max { break }
        }
        if count < atLeast {
            let keyword = node.source["minContains"] == nil ? "contains" : "minContains"
            return fail(node, keyword, "expected at least \(atLeast.of("item")) fitting 'contains', got \(count)")
        }
        if let atMost, count > atMost {
            return fail(node, "maxContains", "expected at most \(atMost.of("item")) fitting 'contains', got more")
        }
        return true
    }

    /// Two places with the same value.
    private mutating func twins(in items: [JSONValue]) -> (Int, Int)? {
        var places: [JSONValue: [Int]] = [:]
        for (place, item) in items.enumerated() {
            var size = 0
            let key = item.normalized(counting: &size)
            let candidates = places[key, default: []]
            guard spend(size + candidates.count) else { return nil }
            // Equal keys may still differ in how a letter is composed.
            if let other = candidates.first(where: { items[$0].isSame(as: item) }) { return (other, place) }
            places[key] = candidates + [place]
        }
        return nil
    }
}
