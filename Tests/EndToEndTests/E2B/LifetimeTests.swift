import FoundationEssentials
import Glibc
import Linux
import RPC
import Testing
import Wire

extension Martlet {
    @Suite struct `the end of a sandbox over E2B's API` {
        @Test func `comes when it was asked for, sooner or later than before`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await plane.withSandbox(#""timeout":3600"#) { id in
                #expect(try await plane.ask("POST", "/sandboxes/\(id)/timeout", #"{"timeout":7200}"#).status == 204)
                let left = try await plane.left(id)
                #expect(left > 7100 && left <= 7200)
                let set = ContinuousClock.now
                #expect(try await plane.ask("POST", "/sandboxes/\(id)/timeout", #"{"timeout":2}"#).status == 204)
                _ = try await plane.ends(id)
                let lived = (ContinuousClock.now - set) / .seconds(1)
                #expect(lived >= 1.99, "\(lived)")
                // No speed is asserted; a minute's granularity would be.
                #expect(lived < 30, "\(lived)")
            }
        }

        @Test(arguments: [0, -1, -999_999])
        func `is now when no time is left`(_ timeout: Int) async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await Installation.slots.withPermit {
                let id = try await plane.create()
                #expect(
                    try await plane.ask("POST", "/sandboxes/\(id)/timeout", #"{"timeout":\#(timeout)}"#).status == 204
                )
                #expect(try await plane.ask("GET", "/sandboxes/\(id)").status == 404)
                #expect(try await plane.ask("GET", "/v2/sandboxes").text == "[]")
                // Whoever may see everything is told why.
                let martlet = try shared()
                let error = await #expect(throws: CallError.self) {
                    try await martlet.client.call(GetSandbox.self, SandboxReference(id: id))
                }
                #expect(error?.message.contains("its time was over") == true)
            }
        }

        @Test func `is put off by a connect or a refresh, and never brought nearer`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await plane.withSandbox(#""timeout":1000"#) { id in
                for path in ["/sandboxes/\(id)/connect", "/v2/sandboxes/\(id)/connect"] {
                    let connected = try await plane.ask("POST", path, #"{"timeout":10}"#)
                    #expect(connected.status == 200)
                    #expect(connected.json["sandboxID"]?.string == id)
                    #expect(try await plane.left(id) > 900)
                }
                #expect(try await plane.ask("POST", "/v2/sandboxes/\(id)/connect", #"{"timeout":2000}"#).status == 200)
                #expect(try await plane.left(id) > 1900)
                #expect(try await plane.ask("POST", "/sandboxes/\(id)/timeout", #"{"timeout":30}"#).status == 204)
                // Nothing said is five minutes.
                #expect(try await plane.ask("POST", "/v2/sandboxes/\(id)/connect").status == 200)
                let left = try await plane.left(id)
                #expect(left > 200 && left <= 300)

                #expect(try await plane.ask("POST", "/sandboxes/\(id)/timeout", #"{"timeout":10}"#).status == 204)
                #expect(try await plane.ask("POST", "/sandboxes/\(id)/refreshes", #"{"duration":1}"#).status == 204)
                let refreshed = try await plane.left(id)
                #expect(refreshed > 10 && refreshed <= 15)
                #expect(try await plane.ask("POST", "/sandboxes/\(id)/refreshes", #"{"duration":3600}"#).status == 204)
                #expect(try await plane.ask("POST", "/sandboxes/\(id)/refreshes").status == 204)
                #expect(try await plane.left(id) > 3500)
            }
        }

        @Test(arguments: [SIGTERM, SIGKILL])
        func `is known to the next daemon`(_ signal: Int32) async throws {
            try await Installation.with { martlet in
                try await Installation.slots.withPermit {
                    var plane = try martlet.controlPlane()
                    let long = try await plane.create()
                    let short = try await plane.create()
                    _ = try await plane.ask("POST", "/sandboxes/\(long)/timeout", #"{"timeout":5000}"#)
                    let before = try await plane.info(long)
                    _ = try await plane.ask("POST", "/sandboxes/\(short)/timeout", #"{"timeout":2}"#)
                    let token = before["envdAccessToken"]
                    try await martlet.endDaemon(signal)
                    try await martlet.start()
                    plane = try martlet.controlPlane()
                    let after = try await plane.info(long)
                    #expect(after["endAt"] == before["endAt"] && after["startedAt"] == before["startedAt"])
                    #expect(after["envdAccessToken"] == token)
                    _ = try await plane.ends(short)
                    #expect(try await plane.ask("DELETE", "/sandboxes/\(long)").status == 204)
                }
            }
        }

        @Test(arguments: [
            ("timeout", "", "is no JSON"), ("timeout", "{}", "'timeout' is missing"),
            ("timeout", #"{"timeout":"x"}"#, "'timeout' must be an integer"),
            ("timeout", #"{"timeout":31536001}"#, "Timeout cannot be greater than 8760 hours"),
            ("connect", "{}", "'timeout' is missing"), ("connect", #"{"timeout":0}"#, "Timeout must be greater than 0"),
            ("connect", #"{"timeout":-3}"#, "Timeout must be greater than 0"),
            ("refreshes", #"{"duration":3601}"#, "'duration' must be"),
            ("refreshes", #"{"duration":-1}"#, "'duration' must be"),
            ("resume", #"{"timeout":0}"#, "Timeout must be greater than 0"),
        ])
        func `is not moved by what makes no sense`(_ verb: String, _ body: String, _ message: String) async throws {
            let refused = try await shared().controlPlane().ask("POST", "/sandboxes/inobody/\(verb)", body)
            #expect(refused.status == 400, "\(refused.text)")
            #expect(refused.message.contains(message), "\(refused.message)")
        }

        @Test func `is not there to be resumed from while it runs`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await plane.withSandbox { id in
                let refused = try await plane.ask("POST", "/sandboxes/\(id)/resume", #"{"timeout":15}"#)
                #expect(refused.status == 409)
                #expect(refused.message.contains("already running"))
            }
        }
    }
}
