import Access
import FoundationEssentials
import Linux
import Records
import Testing
import Wire

@testable import Sandboxes

private let start = Date(timeIntervalSince1970: 1000)

private func entry(_ sequence: UInt64, at seconds: Double = 1001, _ text: String = "x") -> JournalEntry {
    JournalEntry(
        sequence: sequence,
        time: Date(timeIntervalSince1970: seconds),
        kind: .output,
        pid: 7,
        text: text
    )
}

@Suite struct `a guest's journal` {
    @Test func `takes each entry once, in order`() {
        var buffer = JournalBuffer(start: start)
        #expect(buffer.add([entry(1), entry(2)]) == 2)
        #expect(buffer.add([entry(2), entry(1), entry(3)]) == 1)
        #expect(buffer.entries.map(\.sequence) == [1, 2, 3])
        #expect(buffer.last == 3)
    }

    @Test func `does not believe times before its beginning, behind the last, or to come`() {
        var buffer = JournalBuffer(start: start)
        let now = Date(timeIntervalSince1970: 2000)
        buffer.add([entry(1, at: -1e300), entry(2, at: 1500), entry(3, at: 1400), entry(4, at: 1e300)], now: now)
        #expect(buffer.entries.map(\.time.timeIntervalSince1970) == [1000, 1500, 1500, 2000])
    }

    @Test func `counts on where its guest was booted anew, also for the next daemon`() {
        var buffer = JournalBuffer(start: start)
        buffer.add([entry(1), entry(2)])
        buffer.beginAgain()
        #expect(buffer.lastOfGuest == 0)
        #expect(buffer.add([entry(1)]) == 1)
        var next = JournalBuffer(start: start, known: buffer.entries, base: buffer.base)
        #expect(next.lastOfGuest == 1)
        #expect(next.add([entry(1), entry(2), entry(.max)]) == 1)
        #expect(next.entries.map(\.sequence) == [1, 2, 3, 4])
    }

    @Test func `cuts a long line, and forgets the oldest of many`() {
        var buffer = JournalBuffer(start: start)
        buffer.add([entry(1, String(repeating: "x", count: 100_000))])
        #expect(buffer.entries[0].text.utf8.count == JournalBuffer.textLimit)
        buffer.add((2...UInt64(JournalBuffer.entryLimit + 10)).map { entry($0) })
        #expect(buffer.entries.count == JournalBuffer.entryLimit)
        #expect(buffer.entries.first?.sequence == 11)
        buffer.add((10_000..<11_000).map { entry($0, String(repeating: "y", count: 8192)) })
        let bytes = buffer.entries.reduce(0) { $0 + $1.text.utf8.count }
        #expect(bytes <= JournalBuffer.byteLimit && bytes > JournalBuffer.byteLimit / 2)
        #expect(buffer.entries.last?.sequence == 10_999)
    }
}

@Suite struct `the archive of journals` {
    private func ended(_ id: String, at ended: Date = Date()) throws -> EndedSandbox {
        let text = """
            {"id":"\(id)","owner":"ada","template":"claude","created":0,"ended":\(ended.timeIntervalSinceReferenceDate),"reason":"expired"}
            """
        return try JSONValue(parsing: text).decode(EndedSandbox.self)
    }

    private func with(_ body: (Home) async throws -> Void) async throws {
        let home = Home("/tmp/martlet-archive-\(Random.name(10))")
        try Files.makeDirectory(home.path)
        defer { try? Files.remove(home.path) }
        try await body(home)
    }

    @Test func `keeps what a sandbox left, also for the next daemon`() async throws {
        try await with { home in
            let archive = JournalArchive(home)
            await archive.keep(try ended("i1"), [entry(1), entry(2, "two\nlines")])
            for archive in [archive, JournalArchive(home)] {
                archive.load()
                let sandbox = try #require(archive.sandbox("i1"))
                #expect(sandbox.owner == Owner(rawValue: "ada") && sandbox.reason == .expired)
                #expect(try await archive.entries("i1") == [entry(1), entry(2, "two\nlines")])
                #expect(archive.sandbox("i2") == nil)
            }
        }
    }

    @Test func `removes what is older than a day, and leaves files that are not its own`() async throws {
        try await with { home in
            let archive = JournalArchive(home)
            await archive.keep(try ended("iold", at: Date(timeIntervalSinceNow: -90_000)), [])
            #expect(archive.sandbox("iold") == nil)
            #expect(!Files.exists("\(home.logs)/iold.jsonl"))
            try Files.write("notes".utf8, to: "\(home.logs)/mine.jsonl")
            await archive.keep(try ended("inew"), [])
            archive.load()
            #expect(archive.sandbox("inew") != nil)
            #expect(Files.list(home.logs) == ["inew.jsonl", "mine.jsonl"])
        }
    }
}

@Suite struct `a sandbox's record` {
    @Test func `of an older version belongs to the installation and ends with its time`() throws {
        let old = """
            {"id":"i1","template":"claude","buildID":"b","machine":"m","created":0,"metadata":{}}
            """
        let record = try JSONValue(parsing: old).decode(SandboxRecord.self)
        #expect(record.owner == .installation)
        #expect(record.lifecycle == Lifecycle())
        #expect(record.ingress == nil)
    }
}
