import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Testing
import Wire

@testable import GuestAgent

@Suite struct `the files of a guest` {
    private static func code(_ body: @Sendable () async throws -> Void) async -> CallError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? CallError)?.code
        }
    }

    @Test func `come back as they went up`() async throws {
        try await RunningAgent.run { agent in
            let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let up = try await agent.send(
                "POST",
                "/files?path=deep/er/a%20b.bin",
                ["Content-Type": "application/octet-stream"],
                bytes
            )
            #expect(up.status == 200)
            let entry: JSONValue = [
                "name": "a b.bin", "type": "file", "path": .string("\(agent.home)/deep/er/a b.bin"),
            ]
            #expect(try JSONValue(parsing: up.body) == [entry])
            let down = try await agent.send("GET", "/files?path=deep/er/a%20b.bin")
            #expect(down.status == 200)
            #expect(down.body == bytes)
        }
    }

    @Test func `come in parts, each under its own name`() async throws {
        try await RunningAgent.run { agent in
            let body = """
                --B\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nfirst\r
                --B\r\nContent-Disposition: form-data; name="note"\r\n\r\nnot a file\r
                --B\r\nContent-Disposition: form-data; name="file"; filename="b/b.txt"\r\n\r\n\r\n--B--\r\n
                """
            let headers: Headers = ["Content-Type": "multipart/form-data; boundary=B"]
            let up = try await agent.send("POST", "/files", headers, Array(body.utf8))
            #expect(up.status == 200)
            #expect(try JSONValue(parsing: up.body).array?.count == 2)
            #expect(try await agent.send("GET", "/files?path=a.txt").body == Array("first".utf8))
            #expect(try await agent.send("GET", "/files?path=b/b.txt") == (200, []))
            let two = try await agent.send("POST", "/files?path=c", headers, Array(body.utf8))
            #expect(two.status == 400)
        }
    }

    @Test func `are read to their end, whatever size they claim`() async throws {
        try await RunningAgent.run { agent in
            let down = try await agent.send("GET", "/files?path=/proc/sys/kernel/random/boot_id")
            #expect(down.body.count == 37)
        }
    }

    @Test(.enabled(if: RunningAgent.hasAttributes))
    func `keep the notes of their last upload`() async throws {
        try await RunningAgent.run { agent in
            var headers: Headers = ["Content-Type": "application/octet-stream", "X-Metadata-Origin": "me"]
            expect(try await agent.send("POST", "/files?path=f", headers, [1]).status, 200)
            let stat = { @Sendable in
                try await agent.calls.call(StatFile.self, StatFile.Request(path: "f")).entry.metadata
            }
            #expect(try await stat() == ["origin": "me"])
            headers["X-Metadata-Origin"] = nil
            expect(try await agent.send("POST", "/files?path=f", headers, [1]).status, 200)
            #expect(try await stat() == nil)
            headers["X-Metadata-Origin"] = String(repeating: "x", count: 5000)
            expect(try await agent.send("POST", "/files?path=f", headers, [1]).status, 400)
        }
    }

    @Test(arguments: [
        ("GET", "/files?path=missing", 404), ("GET", "/files?path=/", 400), ("GET", "/files?path=/dev/zero", 400),
        ("GET", "/files?path=x&username=nobody-here", 401), ("POST", "/files?path=/", 400), ("POST", "/files", 400),
        ("GET", "/martlet/pack?path=missing", 404), ("GET", "/martlet/pack", 400),
    ])
    func `refuse what can not be`(_ method: String, _ target: String, _ status: Int) async throws {
        try await RunningAgent.run { agent in
            let headers: Headers = ["Content-Type": "application/octet-stream"]
            expect(try await agent.send(method, target, headers, method == "POST" ? [1] : nil).status, status)
        }
    }

    @Test func `are unpacked when they come as gzip`() async throws {
        try await RunningAgent.run { agent in
            let made = try await agent.shell("head -c 400000 /dev/zero | gzip -c > z.gz; head -c 400000 /dev/zero > z")
            #expect(made.end?.exitCode == 0)
            let packed = try await agent.send("GET", "/files?path=z.gz").body
            let coded: Headers = ["Content-Type": "application/octet-stream", "Content-Encoding": "gzip"]
            expect(try await agent.send("POST", "/files?path=unpacked", coded, packed).status, 200)
            #expect(try await agent.shell("cmp z unpacked").end?.exitCode == 0)
            expect(try await agent.send("POST", "/files?path=bad", coded, Array("no gzip".utf8)).status, 400)
        }
    }

    @Test func `are not taken in an unknown coding or type`() async throws {
        try await RunningAgent.run { agent in
            let coded: Headers = ["Content-Type": "application/octet-stream", "Content-Encoding": "br"]
            expect(try await agent.send("POST", "/files?path=x", coded, [1]).status, 400)
            expect(try await agent.send("POST", "/files?path=x", ["Content-Type": "text/plain"], [1]).status, 400)
        }
    }

    @Test func `are made, described, moved and removed`() async throws {
        try await RunningAgent.run { agent in
            let calls = agent.calls
            let path = { @Sendable in StatFile.Request(path: $0) }
            let made = try await calls.call(MakeDirectory.self, path("a/b")).entry
            #expect(made.path == "\(agent.home)/a/b")
            #expect(made.type == "FILE_TYPE_DIRECTORY")
            #expect(made.permissions == "drwxr-xr-x")
            #expect(await Self.code { _ = try await calls.call(MakeDirectory.self, path("a/b")) } == .alreadyExists)

            let headers: Headers = ["Content-Type": "application/octet-stream"]
            _ = try await agent.send("POST", "/files?path=a/f", headers, Array("12345".utf8))
            let file = try await calls.call(StatFile.self, path("a/f")).entry
            #expect(file.type == "FILE_TYPE_FILE")
            #expect(file.size == "5")
            #expect(file.mode == 0o644)
            #expect(file.permissions == "-rw-r--r--")
            #expect(file.modifiedTime?.hasSuffix("Z") == true)
            #expect(await Self.code { _ = try await calls.call(MakeDirectory.self, path("a/f")) } == .invalidArgument)

            symlink("f", "\(agent.home)/a/link")
            let link = try await calls.call(StatFile.self, path("a/link")).entry
            #expect(link.type == "FILE_TYPE_FILE")
            #expect(link.symlinkTarget == "\(agent.home)/a/f")
            #expect(link.permissions?.first == "L")

            let moved = try await calls.call(MoveFile.self, MoveFile.Request(source: "a", destination: "new/c")).entry
            #expect(moved.path == "\(agent.home)/new/c")
            #expect(await Self.code { _ = try await calls.call(StatFile.self, path("a")) } == .notFound)
            let missing = MoveFile.Request(source: "a", destination: "b")
            #expect(await Self.code { _ = try await calls.call(MoveFile.self, missing) } == .notFound)

            _ = try await calls.call(RemoveFile.self, path("new"))
            _ = try await calls.call(RemoveFile.self, path("new"))
            #expect(await Self.code { _ = try await calls.call(StatFile.self, path("new")) } == .notFound)
        }
    }

    @Test func `are listed parents first, in the order of their names, as deep as asked`() async throws {
        try await RunningAgent.run { agent in
            let calls = agent.calls
            for path in ["d/file1", "d/subdir2/x", "d/subdir1/subdir1_1/deep", "d/subdir1/file"] {
                let headers: Headers = ["Content-Type": "application/octet-stream"]
                _ = try await agent.send("POST", "/files?path=\(path)", headers, [1])
            }
            symlink("subdir1", "\(agent.home)/d/alink")
            let list = { (depth: UInt32?) in
                try await calls.call(ListDirectory.self, ListDirectory.Request(path: "d", depth: depth)).entries
                    .map { $0.path.dropFirst(agent.home.count + 3) }
            }
            #expect(try await list(nil) == ["alink", "file1", "subdir1", "subdir2"])
            #expect(
                try await list(2)
                    == [
                        "alink", "file1", "subdir1", "subdir1/file", "subdir1/subdir1_1", "subdir2", "subdir2/x",
                    ]
            )
            let file = ListDirectory.Request(path: "d/file1")
            #expect(await Self.code { _ = try await calls.call(ListDirectory.self, file) } == .invalidArgument)
            let missing = ListDirectory.Request(path: "nowhere")
            #expect(await Self.code { _ = try await calls.call(ListDirectory.self, missing) } == .notFound)
        }
    }

    @Test func `are removed with strange names and what links point to stays`() async throws {
        try await RunningAgent.run { agent in
            let strange: [CChar] = [0x2F, -1, -2, 0]
            mkdir("\(agent.home)/kept", 0o755)
            mkdir("\(agent.home)/gone", 0o755)
            let name = "\(agent.home)/gone".utf8CString.dropLast() + strange
            mkdir(Array(name), 0o755)
            symlink("../kept", "\(agent.home)/gone/link")
            _ = try await agent.calls.call(RemoveFile.self, StatFile.Request(path: "gone"))
            #expect(access("\(agent.home)/gone", F_OK) != 0)
            #expect(access("\(agent.home)/kept", F_OK) == 0)
        }
    }

    @Test func `travel as archives both ways`() async throws {
        try await RunningAgent.run { agent in
            let story = try await agent.shell("mkdir -p src/sub && echo one > src/a && echo two > src/sub/b")
            #expect(story.end?.exitCode == 0)
            let packed = try await agent.send("GET", "/martlet/pack?path=src")
            #expect(packed.status == 200)
            let unpacked = try await agent.send("POST", "/martlet/unpack?path=new/place", [:], packed.body)
            #expect(unpacked.status == 204)
            #expect(try await agent.shell("cat new/place/a new/place/sub/b").text == "one\ntwo\n")
        }
    }

    @Test func `are not made of an archive that is none`() async throws {
        try await RunningAgent.run { agent in
            let rubbish = [UInt8](repeating: 0x41, count: 300_000)
            let answer = try await agent.send("POST", "/martlet/unpack?path=new", [:], rubbish)
            #expect(answer.status == 400)
            #expect(String(decoding: answer.body, as: UTF8.self).contains("tar"))
        }
    }
}

@Suite struct `a multipart body` {
    private static let body = Array(
        """
        preamble\r
        --AaB\r\nContent-Disposition: form-data; name="file"; filename="a \\"b\\".txt"\r\nX-Other: 1\r\n\r
        line\r\n--Aa not yet\r\n\r
        --AaB\r\ncontent-disposition:form-data;name=plain\r\n\r\n\r
        --AaB--\r\nepilogue
        """.utf8
    )
    private static let events: [MultipartParser.Event] = [
        .began(MultipartParser.Part(name: "file", filename: "a \"b\".txt")),
        .data(Array("line\r\n--Aa not yet\r\n".utf8)), .ended,
        .began(MultipartParser.Part(name: "plain")), .ended,
    ]

    /// Joins data that came in pieces.
    private static func joined(_ events: [MultipartParser.Event]) -> [MultipartParser.Event] {
        events.reduce(into: []) { joined, event in
            if case .data(let more) = event, case .data(let bytes)? = joined.last {
                joined[joined.count - 1] = .data(bytes + more)
            } else {
                joined.append(event)
            }
        }
    }

    @Test(arguments: [1, 2, 3, 7, 64, 1000])
    func `means the same in pieces of any size`(_ size: Int) throws {
        var parser = try #require(MultipartParser(contentType: "Multipart/Form-Data; charset=utf-8; boundary=\"AaB\""))
        var events: [MultipartParser.Event] = []
        for start in stride(from: 0, to: Self.body.count, by: size) {
            events += try parser.add(Array(Self.body[start..<min(start + size, Self.body.count)]))
        }
        try parser.finish()
        #expect(Self.joined(events) == Self.events)
    }

    @Test func `is not whole at any cut`() throws {
        let end = Self.body.count - "\r\nepilogue".utf8.count
        for count in 0..<end {
            var parser = MultipartParser(boundary: "AaB")
            _ = try parser.add(Array(Self.body[..<count]))
            #expect(throws: HTTPError.self) { try parser.finish() }
        }
    }

    @Test(arguments: [
        "--B\r\nX: y\r\n\r\n", "--Bx\r\n", "--B\r\nContent-Disposition: form-data; filename=x\r\n\r\n",
        "--B\r\n" + String(repeating: "x", count: 20_000),
    ])
    func `is refused when it is broken`(_ text: String) {
        var parser = MultipartParser(boundary: "B")
        #expect(throws: HTTPError.self) { try parser.add(Array(text.utf8)) }
    }

    @Test(arguments: ["text/plain; boundary=B", "multipart/form-data", "multipart/form-data; boundary="])
    func `needs a type with a boundary`(_ type: String) {
        #expect(MultipartParser(contentType: type) == nil)
    }
}
