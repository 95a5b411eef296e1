import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Testing
import Wire

@testable import GuestAgent

@Suite struct `an upload` {
    private static let octets: Headers = ["Content-Type": "application/octet-stream"]

    private static func isEmpty(_ agent: RunningAgent, _ path: String) -> Bool {
        access("\(agent.home)/\(path)", F_OK) != 0
    }

    @Test func `may be packed in either form`() async throws {
        try await RunningAgent.run { agent in
            let content = Array(repeating: Array("line\n".utf8), count: 100_000).flatMap { $0 }
            let coded = Self.octets.adding(["Content-Encoding": "gzip"])
            let packed = try Deflater().pack(content, isLast: true)
            expect(try await agent.send("POST", "/files?path=plain", coded, packed).status, 200)
            #expect(try await agent.send("GET", "/files?path=plain").body == content)
            let part = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x/parts\"\r\n\r\n"
            let parts = Array(part.utf8) + content + Array("\r\n--B--\r\n".utf8)
            let headers: Headers = ["Content-Type": "multipart/form-data; boundary=B", "Content-Encoding": "GZIP"]
            let up = try await agent.send("POST", "/files", headers, try Deflater().pack(parts, isLast: true))
            #expect(up.status == 200)
            #expect(try await agent.send("GET", "/files?path=x/parts").body == content)
            expect(try await agent.send("POST", "/files?path=cut", coded, Array(packed.dropLast(4))).status, 400)
        }
    }

    @Test func `replaces what was there and keeps its rights simple`() async throws {
        try await RunningAgent.run { agent in
            for text in ["a longer text", "short", ""] {
                expect(try await agent.send("POST", "/files?path=d/f", Self.octets, Array(text.utf8)).status, 200)
                #expect(try await agent.send("GET", "/files?path=d/f").body == Array(text.utf8))
            }
            let entry = try await agent.calls.call(StatFile.self, StatFile.Request(path: "d/f")).entry
            #expect(entry.permissions == "-rw-r--r--")
            let parent = try await agent.calls.call(StatFile.self, StatFile.Request(path: "d")).entry
            #expect(parent.permissions == "drwxr-xr-x")
        }
    }

    @Test func `of several files takes each name as its whole path`() async throws {
        try await RunningAgent.run { agent in
            let names = ["/\(agent.home)/./one.txt", "sub/two three.txt", "~/four", "ünï"]
            let parts = names.map { name in
                "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(name)\"\r\n"
                    + "Content-Type: text/plain\r\n\r\n\(name)\r\n"
            }
            let headers: Headers = ["Content-Type": "multipart/form-data; boundary=B"]
            let up = try await agent.send("POST", "/files", headers, Array((parts.joined() + "--B--\r\n").utf8))
            #expect(up.status == 200)
            let written = ["one.txt", "sub/two three.txt", "four", "ünï"]
            let entries = written.map { path -> JSONValue in
                let name = path.split(separator: "/").last.map(String.init) ?? ""
                return ["name": .string(name), "type": "file", "path": .string("\(agent.home)/\(path)")]
            }
            #expect(try JSONValue(parsing: up.body) == .array(entries))
            #expect(try await agent.send("GET", "/files?path=four").body == Array("~/four".utf8))
        }
    }

    @Test(arguments: [
        (1, 1, 200), (1, 4095, 200), (1, 4096, 400), (0, 1, 400), (247, 1, 400), (246, 4096 - 246, 200),
    ])
    func `has notes within their limits`(_ keySize: Int, _ valueSize: Int, _ status: Int) async throws {
        let key = String(repeating: "a", count: keySize)
        let value = String(repeating: "b", count: valueSize)
        guard RunningAgent.hasAttributes || status == 400 else { return }
        try await RunningAgent.run { agent in
            var headers = Self.octets
            headers["X-Metadata-\(key)"] = value
            let asked = headers
            let up = try await agent.send("POST", "/files?path=f", asked, [1])
            // A file system may have less room for attributes than the protocol.
            if up.status == 507, status == 200 { return }
            #expect(up.status == status)
            guard status == 200 else { return }
            #expect(try JSONValue(parsing: up.body)[0]?["metadata"] == .object([key: .string(value)]))
            let move = MoveFile.Request(source: "f", destination: "g")
            #expect(try await agent.calls.call(MoveFile.self, move).entry.metadata == [key: value])
            let list = ListDirectory.Request(path: "")
            #expect(try await agent.calls.call(ListDirectory.self, list).entries.first?.metadata == [key: value])
        }
    }

    @Test(arguments: [
        ("POST", "/files?path=/", 400), ("POST", "/files", 400), ("POST", "/files?path=f&username=no-one", 401),
        ("POST", "/files?path=/proc/x/y", 404), ("POST", "/files?path=/dev/null", 400),
    ])
    func `is refused where no file can be`(_ method: String, _ target: String, _ status: Int) async throws {
        try await RunningAgent.run { agent in
            expect(try await agent.send(method, target, Self.octets, [1]).status, status)
        }
    }

    @Test func `says that the disk is full`() async throws {
        try await RunningAgent.run { agent in
            let place = "\(agent.home)/small"
            mkdir(place, 0o755)
            // Only root may mount, and not everywhere.
            guard mount("tmpfs", place, "tmpfs", 0, "size=64k") == 0 else { return }
            defer { umount2(place, Int32(MNT_DETACH)) }
            let bytes = [UInt8](repeating: 1, count: 200_000)
            expect(try await agent.send("POST", "/files?path=small/f", Self.octets, bytes).status, 507)
        }
    }

    @Test func `in parts is put together, and the parts are gone`() async throws {
        try await RunningAgent.run { agent in
            for (name, text) in [("1", "one "), ("2", "two "), ("3", "three")] {
                _ = try await agent.send("POST", "/files?path=p/\(name)", Self.octets, Array(text.utf8))
            }
            let json = #"{"source_paths":["p/1","p/2","p/3"],"destination":"whole/file","more":1}"#
            let answer = try await agent.ask("files/compose", json)
            #expect(answer.status == 200)
            #expect(answer.body == ["name": "file", "type": "file", "path": .string("\(agent.home)/whole/file")])
            #expect(try await agent.send("GET", "/files?path=whole/file").body == Array("one two three".utf8))
            for name in ["p/1", "p/2", "p/3"] { #expect(Self.isEmpty(agent, name)) }
            #expect(try Directory.names("\(agent.home)/whole") == ["file"])
            // It may be put onto one of its parts.
            _ = try await agent.send("POST", "/files?path=tail", Self.octets, Array("!".utf8))
            let more = #"{"source_paths":["whole/file","tail"],"destination":"whole/file"}"#
            expect(try await agent.ask("files/compose", more).status, 200)
            #expect(try await agent.send("GET", "/files?path=whole/file").body == Array("one two three!".utf8))
        }
    }

    @Test(arguments: [
        (#"{"source_paths":["f","missing"],"destination":"x"}"#, 404), (#"{"source_paths":["f"]}"#, 400),
        (#"{"source_paths":[],"destination":"x"}"#, 400), (#"{"source_paths":["f"],"destination":"~"}"#, 400),
        (#"{"source_paths":["f"],"destination":"x","username":"no-one"}"#, 401), ("[]", 400), ("", 400),
    ])
    func `in parts leaves all as it was when it can not be`(_ json: String, _ status: Int) async throws {
        try await RunningAgent.run { agent in
            _ = try await agent.send("POST", "/files?path=f", Self.octets, [1])
            let answer = try await agent.send("POST", "/files/compose", [:], Array(json.utf8))
            #expect(answer.status == status)
            #expect(try Directory.names(agent.home) == ["f"])
        }
    }
}
