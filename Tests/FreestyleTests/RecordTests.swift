import Access
import FoundationEssentials
import Linux
import Records
import Testing
import Wire

@testable import Freestyle

@Suite struct `the records of machines` {
    private let owner = Owner.installation

    private func record(_ id: String, slug: String? = nil, owner: Owner = .installation) throws -> VMRecord {
        var members: JSONValue = [
            "id": .string(id), "owner": .string(owner.rawValue), "snapshot": "base", "metadata": [:],
            "limits": ["automaticRestart": true], "created": 0, "updated": 0,
        ]
        if let slug, case .object(var all) = members {
            all["slug"] = .string(slug)
            members = .object(all)
        }
        return try members.decode()
    }

    private func withDatabase(_ body: @Sendable (Database) async throws -> Void) async throws {
        let directory = "/tmp/martlet-freestyle-\(Random.name(10))"
        try Files.makeDirectory(directory)
        defer { try? Files.remove(directory) }
        let database = try await Database(path: "\(directory)/db", migrations: Migration.all)
        try await body(database)
        await database.close()
    }

    @Test func `survive the daemon`() async throws {
        try await withDatabase { database in
            let first = try await VMRecords(database)
            try await first.put(try record("i1", slug: "one"))
            let second = try await VMRecords(database)
            #expect(second["i1"]?.slug == "one")
            #expect(second.id(of: "one", .local) == "i1")
            try await second.forget(["i1"])
            #expect(try await VMRecords(database).ids.isEmpty)
        }
    }

    @Test func `give a slug to one machine of an owner`() async throws {
        try await withDatabase { database in
            let records = try await VMRecords(database)
            let other = try #require(Owner(named: "other"))
            try await records.put(try record("i1", slug: "one"))
            await #expect { try await records.put(try record("i2", slug: "one")) } throws: {
                ($0 as? FreestyleError)?.code == .conflict
            }
            try await records.put(try record("i3", slug: "one", owner: other))
            #expect(records.id(of: "one", .owner(other)) == "i3")
            try await records.put(try record("i2", slug: "one"), takingSlugAway: true)
            #expect(records["i1"]?.slug == nil && records["i2"]?.slug == "one")
            #expect(try await VMRecords(database).id(of: "one", .owner(owner)) == "i2")
        }
    }

    @Test func `keep a slug for a machine that is being made`() async throws {
        try await withDatabase { database in
            let records = try await VMRecords(database)
            try await records.reserving("one", of: owner, takingAway: false) {
                await #expect { try await records.reserving("one", of: owner, takingAway: false) {} } throws: {
                    ($0 as? FreestyleError)?.code == .conflict
                }
                try await records.put(try record("i1", slug: "one"))
            }
            await #expect { try await records.reserving("one", of: owner, takingAway: false) {} } throws: {
                ($0 as? FreestyleError)?.code == .conflict
            }
            try await records.forget(["i1"])
            try await records.reserving("one", of: owner, takingAway: false) {}
        }
    }

    @Test func `keep firewall rules as long as their machine`() async throws {
        try await withDatabase { database in
            let rules = try await FirewallRules(database)
            let draft = try FirewallRuleDraft(Members(["destination": ["public": true]]))
            let added = try await rules.add([draft], of: owner, for: "i1")
            #expect(added.first?.source.vm == "i1")
            #expect(try await FirewallRules(database).all(.local) == added)
            try await rules.removeAll(about: "i1")
            #expect(try await FirewallRules(database).all(.local).isEmpty)
        }
    }
}
