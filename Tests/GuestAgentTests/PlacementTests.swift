import FoundationEssentials
import Glibc
import HTTP
import Linux
import Testing
import Wire

@testable import GuestAgent

@Suite struct `a file that is put in another's place` {
    private static let octets: Headers = ["Content-Type": "application/octet-stream"]

    private static func write(_ agent: RunningAgent, _ path: String, _ text: String) async throws {
        let answer = try await agent.send("POST", "/files?path=\(path)", octets, Array(text.utf8))
        try #require(answer.status == 200)
    }

    private static func place(
        _ agent: RunningAgent,
        _ source: String,
        _ destination: String,
        mode: UInt32? = nil
    ) async throws -> Int {
        let placement = FilePlacement(source: source, destination: destination, mode: mode)
        let body = Array(try JSONEncoder().encode(placement))
        let json: Headers = ["Content-Type": "application/json"]
        return try await agent.send("POST", GuestProtocol.placePath, json, body).status
    }

    private static func mode(_ agent: RunningAgent, _ path: String) -> mode_t? {
        var status = stat()
        return lstat("\(agent.home)/\(path)", &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    @Test func `has the rights that were asked for, or those of what was there`() async throws {
        try await RunningAgent.run { agent in
            try await Self.write(agent, "new", "1")
            #expect(try await Self.place(agent, "new", "file") == 204)
            #expect(Self.mode(agent, "file") == 0o600 && Self.mode(agent, "new") == nil)
            try await Self.write(agent, "new", "2")
            #expect(try await Self.place(agent, "new", "file", mode: 0o755) == 204)
            #expect(Self.mode(agent, "file") == 0o755)
            try await Self.write(agent, "new", "3")
            #expect(try await Self.place(agent, "new", "file") == 204)
            #expect(Self.mode(agent, "file") == 0o755)
            #expect(try await agent.send("GET", "/files?path=file").body == Array("3".utf8))
        }
    }

    @Test func `replaces a link, and not what it leads to`() async throws {
        try await RunningAgent.run { agent in
            try await Self.write(agent, "target", "old")
            symlink("\(agent.home)/target", "\(agent.home)/link")
            try await Self.write(agent, "new", "new")
            #expect(try await Self.place(agent, "new", "link") == 204)
            #expect(try await agent.send("GET", "/files?path=target").body == Array("old".utf8))
            #expect(try await agent.send("GET", "/files?path=link").body == Array("new".utf8))
        }
    }

    @Test func `is a file of one name, and its place no directory`() async throws {
        try await RunningAgent.run { agent in
            try await Self.write(agent, "new", "1")
            mkdir("\(agent.home)/directory", 0o755)
            #expect(try await Self.place(agent, "new", "directory") == 400)
            link("\(agent.home)/new", "\(agent.home)/second")
            #expect(try await Self.place(agent, "new", "file") == 400)
            unlink("\(agent.home)/second")
            symlink("\(agent.home)/new", "\(agent.home)/link")
            #expect(try await Self.place(agent, "link", "file") == 400)
            #expect(try await Self.place(agent, "missing", "file") == 404)
            #expect(Self.mode(agent, "file") == nil && Self.mode(agent, "new") != nil)
        }
    }
}
