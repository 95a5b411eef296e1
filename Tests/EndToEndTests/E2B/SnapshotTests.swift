import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `snapshots by E2B's API` {
        @Test func `are templates of their owner's`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            let other = try await shared().controlPlaneOfItsOwn()
            try await plane.withSandbox { id in
                let made = try await plane.ask("POST", "/sandboxes/\(id)/snapshots", #"{"name":"mine"}"#)
                #expect(made.status == 201, "\(made.text)")
                #expect(made.json["snapshotID"] == "local/mine:default" && made.json["names"] == ["local/mine"])
                let unnamed = try await plane.ask("POST", "/sandboxes/\(id)/snapshots", "{}")
                let name = try #require(unnamed.json["snapshotID"]?.string)
                #expect(unnamed.json["names"] == [] && name.hasSuffix(":default"))
                #expect(try await plane.ask("GET", "/snapshots").json.array?.count == 2)
                #expect(try await plane.ask("GET", "/snapshots?name=mine").json.array?.count == 1)
                #expect(try await plane.ask("GET", "/snapshots?sandboxID=\(id)").json.array?.count == 2)
                #expect(try await plane.ask("GET", "/snapshots?sandboxID=i0").text == "[]")
                let page = try await plane.ask("GET", "/snapshots?limit=1")
                #expect(page.json.array?.first?["snapshotID"]?.string == name)
                let next = try #require(page.headers["X-Next-Token"])
                let last = try await plane.ask("GET", "/snapshots?limit=1&nextToken=\(next)")
                #expect(last.json.array?.first?["snapshotID"] == "local/mine:default")
                #expect(last.headers["X-Next-Token"] == nil)
                #expect(try await other.ask("GET", "/snapshots").text == "[]")

                let child = try await plane.ask("POST", "/v2/sandboxes", #"{"templateID":"local/mine:default"}"#)
                #expect(child.status == 201, "\(child.text)")
                let childID = try #require(child.json["sandboxID"]?.string)
                #expect(try await plane.ask("DELETE", "/sandboxes/\(childID)").status == 204)
                let foreign = try await other.ask("POST", "/v2/sandboxes", #"{"templateID":"local/mine:default"}"#)
                #expect(foreign.status == 404, "\(foreign.text)")
                for snapshot in ["local%2Fmine%3Adefault", name.replacing(":", with: "%3A")] {
                    #expect(try await other.ask("DELETE", "/templates/\(snapshot)").status == 404)
                    #expect(try await plane.ask("DELETE", "/templates/\(snapshot)").status == 204)
                    #expect(try await plane.ask("DELETE", "/templates/\(snapshot)").status == 404)
                }
                #expect(try await plane.ask("GET", "/snapshots").text == "[]")
            }
        }
    }
}
