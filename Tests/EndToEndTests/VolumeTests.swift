import Glibc
import Linux
import RPC
import Records
import Testing
import Wire

@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `a volume in a sandbox` {
    @Test func `is served by the next daemon when one is killed, and is its owner's`() async throws {
        try await Installation.with(templates: ["base"], starts: false) { martlet in
            try await Installation.slots.withPermit {
                try await martlet.start(["--pool", "0"])
                let plane = try martlet.controlPlane()
                let volume = try await plane.ask("POST", "/volumes", #"{"name":"data"}"#)
                try #require(volume.status == 201, "\(volume.text)")
                for (wish, words) in [
                    ("none:/mnt/data", "'none' not found"), ("data:mnt", "NAME:PATH"), ("data", "NAME:PATH"),
                ] {
                    let refused = try await martlet.martlet(["create", "--volume", wish, "base"])
                    #expect(refused.status != .exited(0) && refused.errorText.contains(words), "\(refused.errorText)")
                }
                // Somebody else's looks as if it were not there.
                let others = try await martlet.controlPlaneOfItsOwn().ask(
                    "POST",
                    "/v2/sandboxes",
                    #"{"templateID":"base","volumeMounts":[{"name":"data","path":"/mnt/data"}]}"#
                )
                #expect(others.status == 404 && others.message.contains("'data' not found"), "\(others.text)")
                #expect(martlet.machines().isEmpty)

                let made = try await martlet.martlet(["create", "--volume", "data:/mnt/data", "base"])
                try #require(made.status == .exited(0), "\(made.errorText)")
                let sandbox = try #require(try await martlet.sandboxes().first)
                let script = """
                    setsid bash -c 'exec 3>> /mnt/data/log; while true; do echo $((n += 1)) >&3; sleep 0.1; done' \
                        > /dev/null 2>&1 < /dev/null &
                    while ! test -s /mnt/data/log; do sleep 0.1; done
                    """
                #expect(try await martlet.exec(sandbox, "bash", "-c", script).status == .exited(0))
                try await martlet.endDaemon(SIGKILL)
                try await martlet.start(["--pool", "0"])
                let id = try #require(volume.json["volumeID"]?.string)
                let log = "\(martlet.home.volumes)/\(id)/log"
                @Sendable func lines() throws -> [Int] {
                    try String(decoding: Files.read(log), as: UTF8.self).split(separator: "\n").compactMap { Int($0) }
                }
                let before = try lines()
                // What the program has open goes on, and no line is missing.
                let after = try await retrying(every: .milliseconds(100), for: .seconds(60)) {
                    let now = try lines()
                    return now.count > before.count + 3 ? now : nil
                }
                #expect(Set(after).sorted() == Array(1...(after.last ?? 0)))
                let seen = try await martlet.exec(sandbox, "head", "-n", "1", "/mnt/data/log")
                #expect(seen.text == "1\n", "\(seen.errorText)")
                #expect(try await martlet.martlet(["kill", sandbox.id]).status == .exited(0))
                let rest = try lines()
                #expect(rest.count >= after.count)
                #expect(try await martlet.controlPlane().ask("DELETE", "/volumes/\(id)").status == 204)
                #expect(!Files.exists(log))
            }
        }
    }
}
