/// Pages that follow one another, counted from the start of a mapping.
package struct PageRun: Sendable, Hashable {
    /// What all sizes and offsets are multiples of.
    package static let pageSize = 4096

    package var first: Int
    package var count: Int

    package init(first: Int, count: Int) {
        self.first = first
        self.count = count
    }

    package var end: Int { first + count }
    package var byteCount: Int { count * Self.pageSize }
}

extension Sequence<PageRun> {
    package var pageCount: Int { reduce(0) { $0 + $1.count } }
}

extension Sequence<PageRun> {
    /// The same pages in order, in groups of `limit` pages at most; a run that is too long is cut.
    package func grouped(upTo limit: Int) -> [[PageRun]] {
        var groups: [[PageRun]] = []
        var group: [PageRun] = []
        var room = limit
        for var run in self {
            while run.count > 0 {
                let part = Swift.min(run.count, room)
                group.append(PageRun(first: run.first, count: part))
                run.first += part
                run.count -= part
                room -= part
                if room == 0 {
                    groups.append(group)
                    group = []
                    room = limit
                }
            }
        }
        if !group.isEmpty { groups.append(group) }
        return groups
    }
}
