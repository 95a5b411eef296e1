import FoundationEssentials
import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `a sandbox made over E2B's API` {
        @Test(arguments: [("", 15.0, #""secure":false"#), ("/v2", 300.0, #""mcp":null"#)])
        func `lives as long as its version says`(_ version: String, _ lifetime: Double, _ members: String) async throws
        {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await Installation.slots.withPermit {
                let made = try await plane.ask("POST", "\(version)/sandboxes", #"{"templateID":"claude",\#(members)}"#)
                #expect(made.status == 201)
                #expect(made.headers["Content-Type"] == "application/json")
                let id = try #require(made.json["sandboxID"]?.string)
                let info = try await plane.info(id)
                let lived = try plane.time(info, "endAt") - plane.time(info, "startedAt")
                #expect(abs(lived - lifetime) < 0.001)
                #expect(try await plane.ask("DELETE", "/sandboxes/\(id)").status == 204)
                #expect(try await plane.ask("DELETE", "/sandboxes/\(id)").status == 404)
            }
        }

        @Test func `is told with all that clients need`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await Installation.slots.withPermit {
                let body = """
                    {"templateID":"local/claude:default","timeout":60,"metadata":{"k":"v"},"envVars":{"A":"1"},
                     "autoPause":false,"autoResume":{"enabled":true},"allow_internet_access":true,
                     "network":{"allowPublicTraffic":false,"maskRequestHost":"${PORT}-x.local:1","httpsPorts":[3000,3000],
                                "denyOut":["0.0.0.0/0"],"allowOut":[],"rules":{},"egressProxy":null},
                     "volumeMounts":[],"iam":{"tokens":{}}}
                    """
                let made = try await plane.ask("POST", "/v2/sandboxes", body)
                #expect(made.status == 201, "\(made.text)")
                for member in ["templateID", "sandboxID", "clientID", "envdVersion", "alias", "envdAccessToken"] {
                    #expect(made.json[member]?.string?.isEmpty == false, "\(member)")
                }
                #expect(made.json["trafficAccessToken"]?.string?.isEmpty == false)
                let id = try #require(made.json["sandboxID"]?.string)
                let info = try await plane.info(id)
                #expect(info["metadata"] == ["k": "v"])
                #expect(info["state"] == "running")
                #expect(info["cpuCount"]?.integer ?? 0 > 0 && info["memoryMB"]?.integer ?? 0 > 0)
                #expect(info["diskSizeMB"]?.integer ?? 0 > 0)
                #expect(info["envdAccessToken"] == made.json["envdAccessToken"])
                #expect(info["lifecycle"] == ["autoResume": true, "onTimeout": "kill"])
                #expect(
                    info["network"]
                        == [
                            "allowPublicTraffic": false, "maskRequestHost": "${PORT}-x.local:1", "httpsPorts": [3000],
                            "denyOut": ["0.0.0.0/0"],
                        ]
                )
                #expect(info["allowInternetAccess"] == false)
                #expect(!info.text().contains("null"))
                let connected = try await plane.ask("POST", "/v2/sandboxes/\(id)/connect")
                #expect(connected.json == made.json)
                _ = try await plane.ask("DELETE", "/sandboxes/\(id)")
            }
        }

        @Test func `has no traffic token when its ports are public`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await Installation.slots.withPermit {
                let made = try await plane.ask("POST", "/v2/sandboxes", #"{"templateID":"claude"}"#)
                #expect(made.json["trafficAccessToken"] == nil)
                let id = try #require(made.json["sandboxID"]?.string)
                _ = try await plane.ask("DELETE", "/sandboxes/\(id)")
            }
        }

        @Test(arguments: [
            ("", "Line 1, column 1 is no JSON"), ("{", "Line 1, column 2 is no JSON"),
            ("[]", "The body must be an object"),
            ("{}", "'templateID' is missing"), (#"{"templateID":7}"#, "'templateID' must be a string"),
            (#"{"templateID":"claude","timeout":0}"#, "Timeout must be greater than 0"),
            (#"{"templateID":"claude","timeout":-1}"#, "Timeout must be greater than 0"),
            (#"{"templateID":"claude","timeout":31536001}"#, "Timeout cannot be greater than 8760 hours"),
            (#"{"templateID":"claude","timeout":99999999999999999999}"#, "a number that is too large"),
            (#"{"templateID":"claude","timeout":"5"}"#, "'timeout' must be an integer"),
            (#"{"templateID":"claude","metadata":{"a":1}}"#, "'metadata.a' must be a string"),
            (#"{"templateID":"claude","envVars":{"A=B":"x"}}"#, "'A=B' is no name"),
            (#"{"templateID":"claude","envVars":{"A":"x\u0000"}}"#, "NUL"),
            (#"{"templateID":"claude","autoPauseMemory":false}"#, "'autoPauseMemory' can be false only"),
            (
                #"{"templateID":"claude","autoPause":true,"autoPauseMemory":false,"autoResume":{"enabled":true}}"#,
                "'autoPauseMemory' can not be false"
            ),
            (#"{"templateID":"claude","network":{"allowOut":["example.com"]}}"#, "only when 'network.denyOut' has"),
            (#"{"templateID":"claude","network":{"allowOut":["a b"]}}"#, "'a b' is no IP address"),
            (#"{"templateID":"claude","network":{"denyOut":["example.com"]}}"#, "neither an IP address nor a CIDR"),
            (#"{"templateID":"claude","network":{"dnsServers":["dns.example"]}}"#, "is no IP address"),
            (#"{"templateID":"claude","network":{"httpsPorts":[0]}}"#, "0 is no port"),
            (#"{"templateID":"claude","network":{"maskRequestHost":"a\r\nX: y"}}"#, "is no host name"),
        ])
        func `is refused with 400 and a sentence`(_ body: String, _ message: String) async throws {
            let plane = try shared().controlPlane()
            for path in ["/sandboxes", "/v2/sandboxes"] {
                let refused = try await plane.ask("POST", path, body)
                #expect(refused.status == 400, "\(refused.text)")
                #expect(refused.json["code"]?.integer == 400)
                #expect(refused.message.contains(message), "\(refused.message)")
            }
        }

        @Test(arguments: ["nope", "claude:other", "other/claude", "Claude", "../claude", "", "a/b/c", ":", "claude:"])
        func `is refused with 404 when there is no such template`(_ name: String) async throws {
            let refused = try await shared().controlPlane().ask("POST", "/v2/sandboxes", #"{"templateID":"\#(name)"}"#)
            #expect(refused.status == 404)
            #expect(refused.text == #"{"code":404,"message":"template '\#(name)' not found"}"#)
        }

        @Test(arguments: [
            (#""iam":{"tokens":{"t":{"audience":"a","tokenType":"b"}}}"#, "identity tokens"),
            (#""network":{"dnsServers":["1.1.1.1"]}"#, "network.dnsServers"),
            (#""network":{"egressProxy":{"address":"1.1.1.1:1080"}}"#, "network.egressProxy"),
        ])
        func `is refused with 501 when it asks for what is not there`(_ member: String, _ words: String) async throws {
            let refused = try await shared().controlPlane()
                .ask("POST", "/v2/sandboxes", #"{"templateID":"claude",\#(member)}"#)
            #expect(refused.status == 501, "\(refused.text)")
            #expect(refused.json["code"]?.integer == 501)
            #expect(refused.headers["Should-Retry"] == "false")
            #expect(refused.message.contains(words), "\(refused.message)")
        }

        @Test func `is not made from a body that is too large`() async throws {
            let metadata = String(repeating: "x", count: 1_100_000)
            let refused = try await shared().controlPlane()
                .ask("POST", "/v2/sandboxes", #"{"templateID":"claude","metadata":{"a":"\#(metadata)"}}"#)
            #expect(refused.status == 413)
            #expect(refused.json["code"]?.integer == 413)
        }

        // MARK: Idempotency

        @Test func `is the same when it is asked for again`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            let other = try await shared().controlPlaneOfItsOwn()
            try await Installation.slots.withPermit {
                let body = #"{"templateID":"claude","timeout":60}"#
                let once: Headers = ["Idempotency-Key": "abc-1"]
                let made = try await plane.ask("POST", "/v2/sandboxes", body, once)
                #expect(made.status == 201)
                let again = try await plane.ask("POST", "/v2/sandboxes", body, once)
                #expect(again.status == 201 && again.body == made.body)
                let listed = try await plane.ask("GET", "/v2/sandboxes")
                #expect(listed.json.array?.count == 1)
                for (path, body) in [("/v2/sandboxes", #"{"templateID":"claude","timeout":61}"#), ("/sandboxes", body)]
                {
                    let refused = try await plane.ask("POST", path, body, once)
                    #expect(refused.status == 409)
                    #expect(refused.json["error_code"] == "idempotency_request_mismatch")
                }
                // The same words of somebody else are another key.
                let others = try await other.ask("POST", "/v2/sandboxes", body, once)
                #expect(others.json["sandboxID"] != made.json["sandboxID"])
                for (plane, made) in [(plane, made), (other, others)] {
                    let id = try #require(made.json["sandboxID"]?.string)
                    #expect(try await plane.ask("DELETE", "/sandboxes/\(id)").status == 204)
                }
                // Also when it has ended meanwhile: nothing is made again.
                #expect(try await plane.ask("POST", "/v2/sandboxes", body, once).body == made.body)
            }
        }

        @Test func `is made once by many requests at once`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await Installation.slots.withPermit {
                let answers = try await withThrowingTaskGroup(of: ControlPlane.Answer.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            try await plane.ask(
                                "POST",
                                "/v2/sandboxes",
                                #"{"templateID":"claude","timeout":60}"#,
                                ["Idempotency-Key": "many"]
                            )
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let ids = Set(answers.filter { $0.status == 201 }.compactMap { $0.json["sandboxID"]?.string })
                #expect(ids.count == 1)
                for answer in answers where answer.status != 201 {
                    #expect(answer.status == 409 && answer.json["error_code"] == "idempotency_in_progress")
                }
                #expect(try await plane.ask("GET", "/v2/sandboxes").json.array?.count == 1)
                for id in ids { _ = try await plane.ask("DELETE", "/sandboxes/\(id)") }
            }
        }

        @Test func `is refused again in the same words`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            let once: Headers = ["Idempotency-Key": "bad"]
            let refused = try await plane.ask("POST", "/v2/sandboxes", "{}", once)
            let again = try await plane.ask("POST", "/v2/sandboxes", "{}", once)
            #expect(refused.status == 400 && again.status == 400 && again.body == refused.body)
            let other = try await plane.ask("POST", "/v2/sandboxes", #"{"templateID":"nope"}"#, once)
            #expect(other.status == 409)
            for key in ["", String(repeating: "k", count: 256)] {
                let refused = try await plane.ask("POST", "/v2/sandboxes", "{}", ["Idempotency-Key": key])
                #expect(refused.status == 400)
                #expect(refused.message.contains("Idempotency-Key"))
            }
        }
    }
}
