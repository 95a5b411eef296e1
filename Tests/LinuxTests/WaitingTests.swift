import Testing

@testable import Linux

@Suite struct `a latch` {
    @Test func `gives its first value to all who wait and all who come later`() async throws {
        let latch = Latch<Int>()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<50 { group.addTask { try await latch.value() } }
            latch.set(1)
            latch.set(2)
            for try await value in group { #expect(value == 1) }
        }
        #expect(try await latch.value() == 1)
        #expect(latch.current == 1)
    }

    @Test func `ends a wait at once when its task is cancelled, and no other wait`() async throws {
        let latch = Latch<Int>()
        async let other = latch.value()
        #expect(await whatCancellingThrows { try await latch.value() } is CancellationError)
        latch.set(3)
        #expect(try await other == 3)
    }
}

@Suite struct `a deadline` {
    @Test func `ends what takes too long`() async throws {
        let error = await #expect(throws: DeadlineExceeded.self) {
            try await withDeadline(.milliseconds(10)) { try await Latch<Void>().value() }
        }
        #expect(error?.limit == .milliseconds(10))
    }

    @Test func `passes on what is done or thrown in time`() async throws {
        #expect(try await withDeadline(.seconds(60)) { 1 } == 1)
        #expect(try await withDeadline(.seconds(60)) { nil as Int? } == nil)
        await #expect(throws: LinuxError.self) {
            try await withDeadline(.seconds(60)) { throw LinuxError(.notFound, "x") }
        }
    }

    @Test func `is cancelled with its task`() async throws {
        let error = await whatCancellingThrows {
            try await withDeadline(.seconds(600)) { try await Latch<Void>().value() }
        }
        #expect(error is CancellationError)
    }

    @Test func `comes in the order of time, whatever the order of asking`() async throws {
        let order = try await withThrowingTaskGroup(of: Int.self) { group in
            for time in [40, 5, 20, 60, 1] {
                group.addTask {
                    try await EventLoop.shared.sleep(for: .milliseconds(time))
                    return time
                }
            }
            var order: [Int] = []
            for try await time in group { order.append(time) }
            return order
        }
        #expect(order == [1, 5, 20, 40, 60])
    }

    @Test func `leaves nothing behind when it is not reached`() async throws {
        var timers = Timers()
        let due = ContinuousClock.now + .seconds(600)
        for _ in 0..<10_000 {
            let key = timers.reserve()
            try? await withCheckedThrowingContinuation { (waiter: Timers.Waiter) in
                _ = timers.add(key, due: due, waiter)
                timers.cancel(key)?.resume(throwing: CancellationError())
            }
        }
        #expect(timers.heapCount < 100)
    }

    @Test func `is taken when it is due, earliest first`() async throws {
        let start = ContinuousClock.now
        var timers = Timers()
        var taken: [Int] = []
        let dues = [7, 3, 9, 1, 5, 5, 8, 2, 6, 4]
        for due in dues {
            // Nobody waits here: the entries are looked at by their time alone.
            let key = timers.reserve()
            try? await withCheckedThrowingContinuation { (waiter: Timers.Waiter) in
                let isNext = timers.add(key, due: start + .seconds(due), waiter)
                #expect(isNext == (due < (taken.min() ?? .max)))
                taken.append(due)
                waiter.resume(throwing: CancellationError())
            }
        }
        #expect(timers.next == start + .seconds(1))
    }
}

@Suite struct `a semaphore` {
    @Test func `lets no more through than it may`() async throws {
        let semaphore = AsyncSemaphore(3)
        let inside = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    try await semaphore.withPermit {
                        inside.add(1)
                        #expect(inside.value <= 3)
                        await Task.yield()
                        inside.add(-1)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `gives the turn of one that is cancelled to the next`() async throws {
        let lock = AsyncLock()
        let (held, release) = (Latch<Void>(), Latch<Void>())
        let holder = Task {
            try await lock.withLock {
                held.set(())
                try await release.value()
            }
        }
        try await held.value()
        #expect(await whatCancellingThrows { try await lock.withLock {} } is CancellationError)
        async let next: Void = lock.withLock {}
        release.set(())
        try await next
        try await holder.value
    }
}

@Suite struct `a secret` {
    @Test func `shows itself to nobody who prints it`() {
        let secret = Secret("open sesame")
        struct Holder { let secret: Secret }
        var dumped = ""
        dump(Holder(secret: secret), to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), "\(Holder(secret: secret))", dumped] {
            #expect(!text.contains("sesame"))
        }
        #expect(secret.exposed { $0 } == "open sesame")
    }

    @Test(arguments: ["", "open", "open sesame!", "open sesamf", "open sesameopen sesame"])
    func `matches only itself`(other: String) {
        #expect(!Secret("open sesame").matches(other))
        #expect(Secret("open sesame").matches("open sesame"))
        #expect(Secret("").matches("") && !Secret("").matches("a"))
    }
}

@Suite struct `a line splitter` {
    @Test(arguments: [1, 2, 3, 100])
    func `cuts lines in whatever pieces they come`(size: Int) {
        var splitter = LineSplitter()
        var lines: [String] = []
        var rest = Array("a\r\nbc\n\n\rd\r\r\ne".utf8)[...]
        while !rest.isEmpty {
            lines += splitter.add(Array(rest.prefix(size))).map { String(decoding: $0, as: UTF8.self) }
            rest = rest.dropFirst(size)
        }
        #expect(lines == ["a", "bc", "", "\rd\r"])
        #expect(splitter.finish() == Array("e".utf8))
        #expect(splitter.finish() == nil)
    }
}
