import FoundationEssentials
import Glibc
import GuestLink
import HTTP
import Linux
import RPC
import Testing
import Wire

@testable import GuestAgent

@Suite struct `a watch of a directory` {
    private static func create(_ agent: RunningAgent, _ path: String, recursive: Bool = false, entries: Bool = false)
        async throws -> String
    {
        let request = WatchRequest(path: path, recursive: recursive, includeEntry: entries)
        return try await agent.calls.call(CreateWatcher.self, request).watcherId
    }

    private static func read(_ agent: RunningAgent, _ id: String) async throws -> [FileChange] {
        try await agent.calls.call(ReadWatcher.self, WatcherSelector(watcherId: id)).events
    }

    private static func write(_ agent: RunningAgent, _ path: String, _ text: String = "text") async throws {
        let type: Headers = ["Content-Type": "application/octet-stream"]
        expect(try await agent.send("POST", "/files?path=\(path)", type, Array(text.utf8)).status, 200)
    }

    private static func code(_ body: () async throws -> Void) async -> CallError.Code? {
        do { try await body() } catch { return (error as? CallError)?.code }
        return nil
    }

    @Test func `tells an upload of one new file in three events, to the very next question`() async throws {
        try await RunningAgent.run { agent in
            for part in 0..<20 {
                mkdir("\(agent.home)/\(part)", 0o755)
                let id = try await Self.create(agent, "\(agent.home)/\(part)")
                try await Self.write(agent, "\(agent.home)/\(part)/a.txt")
                let events = try await Self.read(agent, id)
                #expect(
                    events == [
                        .init(name: "a.txt", type: .create), .init(name: "a.txt", type: .chmod),
                        .init(name: "a.txt", type: .write),
                    ]
                )
                #expect(try await Self.read(agent, id).isEmpty)
            }
        }
    }

    @Test func `tells what else can happen to a file`() async throws {
        try await RunningAgent.run { agent in
            try await Self.write(agent, "d/old")
            let id = try await Self.create(agent, "d")
            chmod("\(agent.home)/d/old", 0o600)
            rename("\(agent.home)/d/old", "\(agent.home)/d/new")
            unlink("\(agent.home)/d/new")
            let events = try await Self.read(agent, id)
            #expect(events.map(\.name) == ["old", "old", "new", "new"])
            #expect(events.map(\.type) == [.chmod, .rename, .create, .remove])
            rmdir("\(agent.home)/d")
            #expect(try await Self.read(agent, id).last == FileChange(name: ".", type: .remove))
        }
    }

    @Test func `sees a directory that is made later, and what is put into it at once`() async throws {
        try await RunningAgent.run { agent in
            for number in 0..<20 {
                let top = "t\(number)"
                try await Self.write(agent, "\(top)/there/already")
                let id = try await Self.create(agent, top, recursive: true)
                try await Self.write(agent, "\(top)/there/file")
                let path = StatFile.Request(path: "\(top)/new/deep/er")
                _ = try await agent.calls.call(MakeDirectory.self, path)
                try await Self.write(agent, "\(top)/new/deep/er/file")
                let events = try await Self.read(agent, id)
                for name in ["there/file", "new/deep/er/file"] {
                    #expect(events.filter { $0.name == name && $0.type == .create }.count == 1)
                    #expect(events.contains { $0.name == name && $0.type == .write })
                }
                #expect(
                    events.filter { $0.type == .create }.map(\.name).sorted()
                        == ["new", "new/deep", "new/deep/er", "new/deep/er/file", "there/file"]
                )
                // From now on it is watched like any other.
                unlink("\(agent.home)/\(top)/new/deep/er/file")
                #expect(try await Self.read(agent, id) == [.init(name: "new/deep/er/file", type: .remove)])
            }
        }
    }

    @Test func `follows a directory to its new name, and out of sight`() async throws {
        try await RunningAgent.run { agent in
            try await Self.write(agent, "top/a/file")
            mkdir("\(agent.home)/elsewhere", 0o755)
            let id = try await Self.create(agent, "top", recursive: true)
            rename("\(agent.home)/top/a", "\(agent.home)/top/b")
            _ = try await Self.read(agent, id)
            try await Self.write(agent, "top/b/other")
            #expect(try await Self.read(agent, id).first == FileChange(name: "b/other", type: .create))
            rename("\(agent.home)/top/b", "\(agent.home)/elsewhere/b")
            #expect(try await Self.read(agent, id) == [.init(name: "b", type: .rename)])
            try await Self.write(agent, "elsewhere/b/third")
            #expect(try await Self.read(agent, id).isEmpty)
        }
    }

    @Test func `does not look below when it was not asked to, and never behind links`() async throws {
        try await RunningAgent.run { agent in
            try await Self.write(agent, "top/sub/file")
            symlink("..", "\(agent.home)/top/sub/up")
            let plain = try await Self.create(agent, "top")
            let deep = try await Self.create(agent, "top", recursive: true)
            try await Self.write(agent, "top/sub/file", "more")
            #expect(try await Self.read(agent, plain).isEmpty)
            #expect(try await Self.read(agent, deep).allSatisfy { $0.name == "sub/file" })
        }
    }

    @Test func `tells what stands at the name, if asked`() async throws {
        try await RunningAgent.run { agent in
            mkdir("\(agent.home)/d", 0o755)
            let id = try await Self.create(agent, "d", entries: true)
            try await Self.write(agent, "d/f", "12345")
            let events = try await Self.read(agent, id)
            #expect(events.map(\.type) == [.create, .chmod, .write])
            #expect(events.allSatisfy { $0.entry?.path == "\(agent.home)/d/f" })
            #expect(events.last?.entry?.size == "5")
            unlink("\(agent.home)/d/f")
            #expect(try await Self.read(agent, id) == [.init(name: "f", type: .remove)])
        }
    }

    @Test func `is refused for what is no directory, and unknown once it is removed`() async throws {
        try await RunningAgent.run { agent in
            try await Self.write(agent, "file")
            #expect(await Self.code { _ = try await Self.create(agent, "missing") } == .notFound)
            #expect(await Self.code { _ = try await Self.create(agent, "file") } == .invalidArgument)
            let stream = try await agent.hear("filesystem.Filesystem/WatchDir", #"{"path":"file"}"#)
            #expect(stream.said.last?["error"]?["message"]?.string?.contains("not a directory") == true)
            let id = try await Self.create(agent, "")
            let request = WatcherSelector(watcherId: id)
            _ = try await agent.calls.call(RemoveWatcher.self, request)
            #expect(await Self.code { _ = try await Self.read(agent, id) } == .notFound)
            #expect(await Self.code { _ = try await agent.calls.call(RemoveWatcher.self, request) } == .notFound)
        }
    }

    @Test func `can be asked for in the spelling of the protocol's definition`() async throws {
        try await RunningAgent.run { agent in
            let request = #"{"path":"~","include_entry":true,"allow_network_mounts":true,"recursive":null}"#
            let id = try await agent.ask("filesystem.Filesystem/CreateWatcher", request).body["watcherId"]?.string
            try await Self.write(agent, "f")
            let events = try await agent.ask(
                "filesystem.Filesystem/GetWatcherEvents",
                #"{"watcher_id":"\#(try #require(id))"}"#
            ).body["events"]?.array
            #expect(events?.first?["type"] == "EVENT_TYPE_CREATE")
            #expect(events?.first?["entry"]?["type"] == "FILE_TYPE_FILE")
        }
    }

    @Test func `is streamed, with signs of life in between`() async throws {
        try await RunningAgent.run { agent in
            let pause = ["Keepalive-Ping-Interval": "1"] as Headers
            try await agent.calls.stream(WatchDirectory.self, WatchRequest(path: ""), headers: pause) { events in
                let first = try await events.next()
                #expect(first == .start)
                mkdir("\(agent.home)/made", 0o755)
                let second = try await events.next()
                #expect(second == .filesystem(.init(name: "made", type: .create)))
                let third = try await events.next()
                #expect(third == .keepalive)
            }
        }
    }

    @Test func `says so when more happens than it can keep, and goes on`() async throws {
        try await RunningAgent.run { agent in
            mkdir("\(agent.home)/d", 0o755)
            let id = try await Self.create(agent, "d")
            for number in 0..<6000 {
                mkdir("\(agent.home)/d/\(number)", 0o755)
                rmdir("\(agent.home)/d/\(number)")
            }
            #expect(await Self.code { _ = try await Self.read(agent, id) } == .resourceExhausted)
            mkdir("\(agent.home)/d/last", 0o755)
            #expect(try await Self.read(agent, id) == [.init(name: "last", type: .create)])
        }
    }

    @Test func `ends when the guest becomes somebody else's`() async throws {
        try await RunningAgent.run { agent in
            try await agent.calls.stream(WatchDirectory.self, WatchRequest(path: "")) { events in
                let first = try await events.next()
                #expect(first == .start)
                try await agent.link.release()
                var failure: CallError?
                do { while try await events.next() != nil {} } catch { failure = error as? CallError }
                #expect(failure?.code == .canceled)
            }
        }
    }
}
