/// Who waits for which moment. A value: the loop's lock guards it.
struct Timers {
    typealias Waiter = CheckedContinuation<Void, any Error>

    private struct Entry {
        let due: ContinuousClock.Instant
        let key: UInt64
    }

    /// A binary heap with the earliest first. Entries whose waiter has been cancelled stay until they are the smaller half.
    private var heap: [Entry] = []
    private var waiting: [UInt64: Waiter] = [:]
    private var nextKey: UInt64 = 0

    var isEmpty: Bool { heap.isEmpty }
    var heapCount: Int { heap.count }

    /// When the loop has to look again.
    var next: ContinuousClock.Instant? { heap.first?.due }

    mutating func reserve() -> UInt64 {
        nextKey += 1
        return nextKey
    }

    /// Returns whether this is now the earliest.
    mutating func add(_ key: UInt64, due: ContinuousClock.Instant, _ waiter: Waiter) -> Bool {
        waiting[key] = waiter
        heap.append(Entry(due: due, key: key))
        var index = heap.count - 1
        while index > 0, heap[index].due < heap[(index - 1) / 2].due {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
        return index == 0
    }

    mutating func cancel(_ key: UInt64) -> Waiter? {
        let waiter = waiting.removeValue(forKey: key)
        if heap.count > 2 * waiting.count + 64 {
            // Sorted is a heap, too.
            heap = heap.filter { waiting[$0.key] != nil }.sorted { $0.due < $1.due }
        }
        return waiter
    }

    mutating func takeDue(at now: ContinuousClock.Instant) -> [Waiter] {
        var due: [Waiter] = []
        while let first = heap.first, first.due <= now || waiting[first.key] == nil {
            if let waiter = waiting.removeValue(forKey: first.key) { due.append(waiter) }
            removeFirst()
        }
        return due
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count && heap[child].due < heap[least].due {
                least = child
            }
            if least == index { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
