import FoundationEssentials
import Testing
import Wire

@testable import Freestyle

@Suite struct `a service in a request` {
    private func draft(_ members: [String: JSONValue]) throws -> Unit { try ServiceDraft(Members(members)).unit }

    @Test func `is read with all that it may say`() throws {
        let unit = try draft([
            "name": "web.service", "mode": "service", "exec": ["prepare", "serve"], "env": ["A": "1"], "user": "user",
            "group": "users", "workdir": "/srv/./web", "after": ["db.service", "network.target"], "requires": ["db"],
            "onFailure": ["mourn.service"], "wantedBy": ["multi-user.target"], "enable": false, "timeoutSec": 2.5,
            "readySignal": true, "watchdogSec": 3, "remainAfterExit": true, "deleteAfterSuccess": true,
            "restartPolicy": [
                "policy": "onFailure", "restartSec": 0.5, "startLimitBurst": 7, "startLimitIntervalSec": 60,
            ],
        ])
        var expected = Unit("web", commands: ["prepare", "serve"])
        expected.environment = ["A": "1"]
        (expected.user, expected.group, expected.directory) = ("user", "users", "/srv/web")
        expected.after = ["db", "network.target"]
        (expected.requires, expected.onFailure) = (["db"], ["mourn"])
        expected.isEnabled = false
        (expected.startLimit, expected.watchdog) = (2.5, 3)
        (expected.tellsReady, expected.remainsActive, expected.isForgottenAfterSuccess) = (true, true, true)
        expected.restart.policy = .onFailure
        (expected.restart.pause, expected.restart.burst, expected.restart.interval) = (0.5, 7, 60)
        #expect(unit == expected)
    }

    @Test func `needs only a name and a line`() throws {
        #expect(try draft(["name": "a", "exec": "sleep 1"]) == Unit("a", commands: ["sleep 1"]))
        #expect(try draft(["name": "a", "exec": ["b"], "mode": "oneshot"]).kind == .oneshot)
    }

    @Test(
        arguments: [
            ["exec": ["a"]], ["name": "a", "mode": "forking"], ["name": "a", "exec": [1]],
            ["name": "a", "workdir": "relative"], ["name": "a", "restartPolicy": ["policy": "sometimes"]],
            ["name": "a", "timeoutSec": -1], ["name": "a", "restartPolicy": ["startLimitBurst": -1]],
        ] as [[String: JSONValue]]
    )
    func `is refused`(_ members: [String: JSONValue]) {
        #expect { try draft(members) } throws: { ($0 as? FreestyleError)?.code == .badRequest }
    }

    @Test func `has a log from a time on`() throws {
        let expected = Date(timeIntervalSince1970: 1_700_000_000)
        for text in ["1700000000", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.000Z"] {
            #expect(try ServiceEndpoints.time(text) == expected, "\(text)")
        }
        #expect { try ServiceEndpoints.time("yesterday") } throws: { ($0 as? FreestyleError)?.status == 400 }
    }
}
