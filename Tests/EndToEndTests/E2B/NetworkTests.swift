import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `a network over E2B's API` {
        @Test func `is what a create asks for, until it is replaced`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            let asked = #""network":{"allowOut":["*.example.com","1.1.1.1"],"denyOut":["0.0.0.0/0"]}"#
            try await plane.withSandbox(asked) { id in
                let made = try await plane.info(id)
                #expect(made["network"]?["allowOut"] == ["*.example.com", "1.1.1.1"])
                #expect(made["network"]?["denyOut"] == ["0.0.0.0/0"])
                #expect(made["allowInternetAccess"] == false)
                for (body, network, isOpen) in [
                    (
                        #"{"allowOut":["8.8.8.8"],"allow_internet_access":false}"#,
                        ["allowPublicTraffic": true, "allowOut": ["8.8.8.8"]] as JSONValue, false
                    ),
                    (
                        #"{"denyOut":["8.8.8.0/24"],"allow_internet_access":true}"#,
                        ["allowPublicTraffic": true, "denyOut": ["8.8.8.0/24"]], true
                    ), ("{}", ["allowPublicTraffic": true], false),
                ] {
                    #expect(try await plane.ask("PUT", "/sandboxes/\(id)/network", body).status == 204)
                    let info = try await plane.info(id)
                    #expect(
                        info["network"] == network && info["allowInternetAccess"] == .bool(isOpen),
                        "\(info.text())"
                    )
                }
                for (body, status) in [
                    (#"{"denyOut":["example.com"]}"#, 400), (#"{"allowOut":["example.com"]}"#, 400),
                    (#"{"rules":{"1.2.3.4":[{"transform":{"headers":{"X-A":"b"}}}]}}"#, 400),
                    (#"{"rules":{"x.com":[{"transform":{"headers":{"Host":"b"}}}]}}"#, 400),
                    (#"{"dnsServers":["1.1.1.1"]}"#, 501),
                ] {
                    #expect(try await plane.ask("PUT", "/sandboxes/\(id)/network", body).status == status, "\(body)")
                }
            }
        }
    }

    @Suite struct `secrets over E2B's API` {
        @Test func `are written, and never read again`() async throws {
            let mine = try await shared().controlPlaneOfItsOwn()
            let yours = try await shared().controlPlaneOfItsOwn()
            let (first, second) = ("value-\(Random.hex(8))", "value-\(Random.hex(8))")
            let made = try await mine.ask("POST", "/secrets", #"{"name":"a","value":"\#(first)","metadata":{"k":"v"}}"#)
            #expect(made.status == 201 && made.json["currentVersion"] == 1 && made.json["metadata"] == ["k": "v"])
            #expect(try await mine.ask("POST", "/secrets", #"{"name":"a","value":"x"}"#).status == 409)
            #expect(try await mine.ask("POST", "/secrets", #"{"name":"a b","value":"x"}"#).status == 400)
            #expect(try await mine.ask("POST", "/secrets", #"{"value":"x"}"#).status == 400)
            let id = try #require(made.json["secretID"]?.string)
            let renewed = try await mine.ask("POST", "/secrets/\(id)", #"{"value":"\#(second)"}"#)
            #expect(
                renewed.status == 200 && renewed.json["currentVersion"] == 2 && renewed.json["metadata"] == ["k": "v"]
            )
            _ = try await mine.ask("POST", "/secrets", #"{"name":"b","value":"x"}"#)
            let page = try await mine.ask("GET", "/secrets?limit=1")
            #expect(page.json.array?.count == 1 && page.headers["X-Next-Token"] == "a")
            let rest = try await mine.ask("GET", "/secrets?limit=1&nextToken=a")
            #expect(rest.json.array?.first?["name"] == "b")
            for answer in [made, renewed, page, try await mine.ask("GET", "/secrets/\(id)")] {
                #expect(!answer.text.contains(first) && !answer.text.contains(second))
            }
            #expect(try await yours.ask("GET", "/secrets").text == "[]")
            for method in ["GET", "DELETE"] {
                #expect(try await yours.ask(method, "/secrets/\(id)").status == 404)
            }
            #expect(try await mine.ask("DELETE", "/secrets/\(id)").status == 204)
            #expect(try await mine.ask("GET", "/secrets/\(id)").status == 404)
        }
    }
}
