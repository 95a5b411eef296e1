import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Testing
import Wire

@testable import GuestAgent

/// What the agent, which is root, does for somebody who is not.
@Suite(.enabled(if: getuid() == 0 && Accounts.load()["nobody"] != nil))
struct `a user who is not root` {
    private static let octets: Headers = ["Content-Type": "application/octet-stream"]

    /// Runs with a directory of the user's own, `his`, beside one that he may not enter, `closed`, with a file in it.
    private static func run(_ body: @Sendable @escaping (RunningAgent, CallClient) async throws -> Void) async throws {
        let nobody = try #require(Accounts.load()["nobody"])
        try await RunningAgent.run(users: .ofGuest) { agent in
            chmod(agent.home, 0o755)
            mkdir("\(agent.home)/his", 0o755)
            chown("\(agent.home)/his", nobody.uid, nobody.gid)
            mkdir("\(agent.home)/closed", 0o700)
            try MachineIdentity.write("secret", to: "\(agent.home)/closed/file")
            chmod("\(agent.home)/closed/file", 0o600)
            let name = Data("nobody:".utf8).base64EncodedString()
            let headers = RunningAgent.headers.adding(["Authorization": "Basic \(name)"])
            try await body(agent, CallClient(http: agent.http, headers: headers))
        }
    }

    private static func target(_ agent: RunningAgent, _ path: String) -> String {
        "/files?path=\(agent.home)/\(path)&username=nobody"
    }

    private static func owner(_ agent: RunningAgent, _ path: String) -> UInt32? {
        var status = stat()
        return lstat("\(agent.home)/\(path)", &status) == 0 ? status.st_uid : nil
    }

    private static func refusal(_ body: () async throws -> Void) async -> CallError.Code? {
        do { try await body() } catch { return (error as? CallError)?.code }
        return nil
    }

    @Test func `owns what is made for him, wherever that is`() async throws {
        try await Self.run { agent, calls in
            let nobody = Accounts.load()["nobody"]?.uid
            for path in ["his/a/f", "closed/a/f"] {
                expect(try await agent.send("POST", Self.target(agent, path), Self.octets, [1]).status, 200)
                #expect(Self.owner(agent, path) == nobody)
                #expect(Self.owner(agent, Files.parent(of: path)) == nobody)
                #expect(try await agent.send("GET", Self.target(agent, path)).body == [1])
            }
            let made = StatFile.Request(path: "\(agent.home)/closed/made")
            #expect(try await calls.call(MakeDirectory.self, made).entry.owner == "nobody")
            #expect(Self.owner(agent, "closed") == 0)
        }
    }

    @Test func `may look, move and remove as E2B's users may`() async throws {
        try await Self.run { agent, calls in
            let home = agent.home
            let file = try await calls.call(StatFile.self, StatFile.Request(path: "\(home)/closed/file")).entry
            #expect(file.path == "\(home)/closed/file")
            #expect(file.size == "6")
            let list = ListDirectory.Request(path: "\(home)", depth: 2)
            #expect(try await calls.call(ListDirectory.self, list).entries.map(\.path).contains("\(home)/closed/file"))
            let move = MoveFile.Request(source: "\(home)/closed/file", destination: "\(home)/his/file")
            #expect(try await calls.call(MoveFile.self, move).entry.path == "\(home)/his/file")
            _ = try await calls.call(RemoveFile.self, StatFile.Request(path: "\(home)/closed"))
            #expect(Self.owner(agent, "closed") == nil)
        }
    }

    @Test func `can not lead the agent elsewhere by a link of his own`() async throws {
        try await Self.run { agent, calls in
            let nobody = try #require(Accounts.load()["nobody"])
            for (link, target) in [("link", "../closed/file"), ("way", "../closed")] {
                symlink(target, "\(agent.home)/his/\(link)")
                lchown("\(agent.home)/his/\(link)", nobody.uid, nobody.gid)
            }
            for path in ["his/link", "his/way/file", "his/way/new"] {
                expect(try await agent.send("POST", Self.target(agent, path), Self.octets, [1]).status, 403)
                expect(try await agent.send("GET", Self.target(agent, path)).status, 403)
            }
            let inside = StatFile.Request(path: "\(agent.home)/his/way/file")
            #expect(await Self.refusal { _ = try await calls.call(RemoveFile.self, inside) } == .permissionDenied)
            let list = ListDirectory.Request(path: "\(agent.home)/his/way")
            #expect(await Self.refusal { _ = try await calls.call(ListDirectory.self, list) } == .permissionDenied)
            #expect(try Linux.Files.read("\(agent.home)/closed/file") == Array("secret".utf8))
            #expect(Self.owner(agent, "closed/file") == 0)
            // The link itself is his to remove.
            _ = try await calls.call(RemoveFile.self, StatFile.Request(path: "\(agent.home)/his/way"))
            #expect(Self.owner(agent, "his/way") == nil)
            #expect(Self.owner(agent, "closed/file") == 0)
        }
    }

    @Test func `is led where root's links lead`() async throws {
        try await Self.run { agent, calls in
            symlink("closed", "\(agent.home)/open")
            symlink("\(agent.home)/closed/../open/file", "\(agent.home)/closed/again")
            #expect(try await agent.send("GET", Self.target(agent, "open/again")).body == Array("secret".utf8))
            symlink("loop", "\(agent.home)/closed/loop")
            expect(try await agent.send("GET", Self.target(agent, "closed/loop")).status, 400)
            let link = try await calls.call(StatFile.self, StatFile.Request(path: "\(agent.home)/closed/again")).entry
            #expect(link.symlinkTarget == "\(agent.home)/closed/file")
        }
    }

    @Test func `leaves the agent's threads as he found them`() async throws {
        try await Self.run { agent, _ in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<200 {
                    let user = number % 2 == 0 ? "nobody" : "root"
                    let target = "/files?path=\(agent.home)/\(number)&username=\(user)"
                    group.addTask { try await agent.send("POST", target, Self.octets, [1]).status }
                }
                for try await status in group { #expect(status == 200) }
            }
            let nobody = Accounts.load()["nobody"]?.uid
            for number in 0..<200 { #expect(Self.owner(agent, "\(number)") == (number % 2 == 0 ? nobody : 0)) }
        }
    }
}
