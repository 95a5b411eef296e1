import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `pausing by E2B's API` {
        @Test func `is told by every call, and undone by a connect`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await plane.withSandbox(#""timeout":600"#) { id in
                let before = try await plane.info(id)
                #expect(before["state"]?.string == "running" && before["pauseMode"] == nil)
                #expect(try await plane.ask("POST", "/sandboxes/\(id)/pause", "{}").status == 204)
                let info = try await plane.info(id)
                #expect(info["state"]?.string == "paused" && info["pauseMode"]?.string == "full")
                #expect(info["startedAt"] == before["startedAt"])
                #expect(try await plane.left(id) < 1)
                #expect(try await plane.ask("GET", "/sandboxes").text == "[]")
                #expect(try await plane.ask("GET", "/v2/sandboxes?state=running").text == "[]")
                let listed = try await plane.ask("GET", "/v2/sandboxes?state=paused")
                #expect(listed.json.array?.first?["sandboxID"]?.string == id)
                #expect(listed.headers["X-Total-Running"] == "0")
                #expect(try await plane.ask("GET", "/v2/sandboxes").json.array?.count == 1)
                let again = try await plane.ask("POST", "/sandboxes/\(id)/pause")
                #expect(again.status == 409 && again.message.contains("is already paused"), "\(again.text)")
                let guest = try await plane.ask(
                    "GET",
                    "/health",
                    nil,
                    [SandboxHeaders.id: id, SandboxHeaders.port: "49983"]
                )
                #expect(guest.status == 502 && guest.message.contains("was not found"), "\(guest.text)")
                #expect(try await plane.ask("POST", "/sandboxes/\(id)/timeout", #"{"timeout":9}"#).status == 409)
                #expect(try await plane.ask("GET", "/v2/sandboxes/\(id)/logs").status == 200)
                let metrics = try await plane.ask("GET", "/sandboxes/\(id)/metrics")
                #expect(metrics.status == 200 && metrics.json.array?.isEmpty == false)

                let connected = try await plane.ask("POST", "/v2/sandboxes/\(id)/connect", #"{"timeout":100}"#)
                #expect(connected.status == 201)
                #expect(connected.json["envdAccessToken"] == before["envdAccessToken"])
                let left = try await plane.left(id)
                #expect(left > 40 && left <= 100, "\(left)")
                #expect(try await plane.info(id)["state"]?.string == "running")
                #expect(try await plane.ask("POST", "/v2/sandboxes/\(id)/connect", #"{"timeout":5}"#).status == 200)

                #expect(try await plane.ask("POST", "/sandboxes/\(id)/pause", "{}").status == 204)
                let resumed = try await plane.ask("POST", "/sandboxes/\(id)/resume", #"{"timeout":50}"#)
                #expect(resumed.status == 201 && resumed.json["sandboxID"]?.string == id)
                #expect(try await plane.ask("POST", "/sandboxes/\(id)/resume").status == 409)

                #expect(try await plane.ask("POST", "/sandboxes/\(id)/pause", "{}").status == 204)
                #expect(try await plane.ask("DELETE", "/sandboxes/\(id)").status == 204)
                #expect(try await plane.ask("POST", "/v2/sandboxes/\(id)/connect").status == 404)
                #expect(try await plane.ask("POST", "/sandboxes/\(id)/pause").status == 404)
            }
        }

        /// What is answered to four who ask for the same at once.
        private func atOnce(_ path: String, _ plane: ControlPlane) async throws -> [Int] {
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask { try await plane.ask("POST", path, #"{"timeout":300}"#).status }
                }
                return try await group.reduce(into: []) { $0.append($1) }.sorted()
            }
        }

        @Test func `is done once for many who ask at once, and undone once`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await plane.withSandbox { id in
                let paused = try await atOnce("/sandboxes/\(id)/pause", plane)
                #expect(paused == [204, 409, 409, 409])
                let connected = try await atOnce("/v2/sandboxes/\(id)/connect", plane)
                #expect(connected == [200, 200, 200, 201])
                #expect(try await plane.info(id)["state"]?.string == "running")
            }
        }

        @Test func `comes when its time is over, and traffic undoes it where that was asked for`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await plane.withSandbox(#""timeout":600,"autoPause":true,"autoResume":{"enabled":true}"#) { id in
                #expect(try await plane.info(id)["lifecycle"] == ["autoResume": true, "onTimeout": "pause"])
                // With no time left it is paused when that is answered; with some, then.
                for timeout in [0, 1] {
                    #expect(
                        try await plane.ask("POST", "/sandboxes/\(id)/timeout", #"{"timeout":\#(timeout)}"#).status
                            == 204
                    )
                    try await retrying(every: .milliseconds(20), for: .seconds(60)) {
                        try await plane.info(id)["state"]?.string == "paused" ? () : nil
                    }
                    let way: Headers = [SandboxHeaders.id: id, SandboxHeaders.port: "49983"]
                    #expect(try await plane.ask("GET", "/health", nil, way).status == 204)
                    #expect(try await plane.info(id)["state"]?.string == "running")
                    #expect(try await plane.left(id) > 100)
                }
                // A program that listens on a port is reached, too, whoever paused the sandbox.
                #expect(try await plane.ask("POST", "/sandboxes/\(id)/pause").status == 204)
                let port: Headers = [SandboxHeaders.id: id, SandboxHeaders.port: "8000"]
                let closed = try await plane.ask("GET", "/", nil, port)
                #expect(closed.status == 502 && closed.message.contains("port is not open"), "\(closed.text)")
            }
        }

        @Test func `of the files alone is told by name, and ends with a boot`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            let body = #"{"templateID":"claude","timeout":1,"autoPause":true,"autoPauseMemory":false}"#
            let made = try await plane.ask("POST", "/v2/sandboxes", body)
            try #require(made.status == 201, "\(made.text)")
            let id = try #require(made.json["sandboxID"]?.string)
            let mode = try await retrying(every: .milliseconds(100), for: .seconds(60)) {
                try await plane.info(id)["pauseMode"]?.string
            }
            #expect(mode == "filesystem")
            #expect(try await plane.ask("POST", "/sandboxes/\(id)/connect", #"{"timeout":300}"#).status == 201)
            #expect(try await plane.info(id)["state"]?.string == "running")
            // Its memory is there then, and not wanted.
            #expect(try await plane.ask("POST", "/sandboxes/\(id)/pause", #"{"memory":true}"#).status == 204)
            #expect(try await plane.info(id)["pauseMode"]?.string == "full")
            let resumed = try await plane.ask("POST", "/sandboxes/\(id)/resume", #"{"timeout":300,"memory":false}"#)
            #expect(resumed.status == 201, "\(resumed.text)")
            #expect(try await plane.ask("POST", "/sandboxes/\(id)/pause", #"{"memory":false}"#).status == 204)
            #expect(try await plane.info(id)["pauseMode"]?.string == "filesystem")
            #expect(try await plane.ask("DELETE", "/sandboxes/\(id)").status == 204)
        }
    }
}
