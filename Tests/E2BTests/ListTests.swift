import HTTP
import Testing
import Wire

@testable import E2B

private func sandbox(_ id: String, at time: Int64, _ metadata: [String: String] = [:]) -> ListedSandbox {
    ListedSandbox(
        templateID: "base",
        sandboxID: id,
        clientID: "c",
        startedAt: Timestamp(microseconds: time),
        endAt: Timestamp(microseconds: time + 1),
        cpuCount: 1,
        memoryMB: 1,
        diskSizeMB: 1,
        metadata: metadata,
        state: .running,
        envdVersion: "0.6.13"
    )
}

private func page(_ query: String, of all: [ListedSandbox]) throws -> SandboxQuery.Page {
    try SandboxQuery(Query(of: "/v2/sandboxes?\(query)")).page(of: all)
}

@Suite struct `a metadata filter` {
    @Test(arguments: [
        ("a%252520b%3Dc%252526d", ["a b": "c&d"]), ("a=b", ["a": "b"]), ("a%3Db%26c%3Dd", ["a": "b", "c": "d"]),
        ("a", ["a": ""]), ("", [:]), ("k%3D100%252525", ["k": "100%"]), ("a%3Db%253Dc", ["a": "b=c"]),
    ])
    func `is decoded as often as clients encode it`(_ encoded: String, _ pairs: [String: String]) throws {
        let query = Query(of: "/v2/sandboxes?metadata=\(encoded)")
        #expect(try MetadataFilter(query["metadata"]).pairs == pairs)
    }

    @Test func `wants every pair`() throws {
        let filter = try MetadataFilter("a=1&b=2")
        #expect(filter.accepts(["a": "1", "b": "2", "c": "3"]))
        #expect(!filter.accepts(["a": "1"]))
        #expect(!filter.accepts(["a": "1", "b": "3"]))
        #expect(try MetadataFilter(nil).accepts([:]))
    }
}

@Suite struct `a page of sandboxes` {
    @Test(arguments: ["asc", "desc"], 1...4)
    func `follows the one before, without a gap and without an end`(_ order: String, _ limit: Int) throws {
        // Two of the same microsecond: their ids decide.
        let all = [sandbox("c", at: 3), sandbox("a", at: 1), sandbox("b2", at: 2), sandbox("b1", at: 2)]
        var found: [String] = []
        var next: String?
        repeat {
            let token = next.map { "&nextToken=\($0)" } ?? ""
            let page = try page("order=\(order)&limit=\(limit)\(token)", of: all)
            found += page.sandboxes.map(\.sandboxID)
            #expect(page.running == 4)
            next = page.next
        } while next != nil
        let ascending = ["a", "b1", "b2", "c"]
        #expect(found == (order == "asc" ? ascending : ascending.reversed()))
    }

    @Test func `goes on where it was, whatever has come and gone`() throws {
        let first = try page("limit=1", of: [sandbox("a", at: 1), sandbox("b", at: 2)])
        let token = try #require(first.next)
        let second = try page("nextToken=\(token)", of: [sandbox("a", at: 1), sandbox("new", at: 3)])
        #expect(second.sandboxes.map(\.sandboxID) == ["a"])
    }

    @Test func `begins with the time that was asked for, to the microsecond`() throws {
        let all = [sandbox("a", at: 1), sandbox("b", at: 2), sandbox("c", at: 3)]
        let page = try page("startedAfter=1970-01-01T00:00:00.000002Z", of: all)
        #expect(page.sandboxes.map(\.sandboxID) == ["c", "b"])
    }

    @Test(arguments: ["", "x", "AAAA", "MTk3MC0wMS0wMVQwMDowMDowMC4wMDAwMDFa", "////", "!", "eF9feQ"])
    func `is not found by a token that nobody gave`(_ token: String) {
        #expect(ListCursor(token) == nil)
    }

    @Test func `has a token that is its place`() throws {
        for order in SandboxQuery.Order.allCases {
            let cursor = ListCursor(sandbox("iabc", at: 1_763_635_688_110_498), order)
            #expect(ListCursor(cursor.token) == cursor)
            #expect(cursor.token.utf8.allSatisfy { $0 != 0x2B && $0 != 0x2F && $0 != 0x3D })
        }
    }
}
