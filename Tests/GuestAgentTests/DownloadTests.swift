import FoundationEssentials
import HTTP
import Linux
import Testing
import Wire

@testable import GuestAgent

@Suite struct `a download` {
    private static let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 / 3) }

    private static func withFile(
        _ path: String = "f",
        _ body: @Sendable @escaping (RunningAgent) async throws -> Void
    ) async throws {
        try await RunningAgent.run { agent in
            let type: Headers = ["Content-Type": "application/octet-stream"]
            let target = "/files?path=\(PercentEncoding.encode(path))"
            expect(try await agent.send("POST", target, type, bytes).status, 200)
            try await body(agent)
        }
    }

    @Test func `says what it is`() async throws {
        try await Self.withFile { agent in
            let (head, body) = try await agent.exchange(
                "GET",
                "/files?path=f",
                ["Accept-Encoding": "gzip, deflate, zstd"]
            )
            #expect(head.status == 200)
            #expect(head.headers["Content-Type"] == "application/octet-stream")
            #expect(head.headers["Content-Disposition"] == "inline; filename=f")
            #expect(head.headers["Vary"] == "Accept-Encoding")
            #expect(head.headers["Content-Encoding"] == nil)
            #expect(body == Self.bytes)
        }
    }

    @Test(arguments: [
        ("a.txt", "inline; filename=a.txt"), ("a b\".txt", "inline; filename=\"a b\\\".txt\""),
        ("naïve", "inline; filename*=utf-8''na%C3%AFve"), ("", "inline; filename=\"\""),
    ])
    func `has its file's name`(_ name: String, _ expected: String) {
        #expect(Download.disposition(name) == expected)
    }

    @Test(arguments: [
        ("bytes=0-9", 0..<10), ("bytes=990-", 990..<1000), ("bytes=-5", 995..<1000), ("bytes=-5000", 0..<1000),
        ("bytes=999-5000", 999..<1000), ("Bytes=1-1", 1..<2), ("bytes=0-99999999999999999999", 0..<1000),
    ])
    func `can be of a part`(_ field: String, _ range: Range<Int>) async throws {
        try await Self.withFile { agent in
            let (head, body) = try await agent.exchange("GET", "/files?path=f", ["Range": field])
            #expect(head.status == 206)
            let expected = "bytes \(range.lowerBound)-\(range.upperBound - 1)/1000"
            #expect(head.headers["Content-Range"] == expected)
            #expect(head.headers["Content-Length"] == String(range.count))
            #expect(body == Array(Self.bytes[range]))
        }
    }

    @Test(arguments: [
        (["Range": "bytes=1000-"] as [String: String], 416), (["Range": "bytes=-0"], 416),
        (["Range": "bytes=5-2"], 200), (["Range": "bytes=-"], 200), (["Range": "bytes=0-1,5-6"], 200),
        (["Range": "lines=0-1"], 200), (["Range": "bytes=+1-2"], 200), (["Range": "bytes=0-1", "If-Range": "x"], 200),
    ])
    func `is whole, or refused, when its part makes no sense`(_ fields: [String: String], _ status: Int) async throws {
        try await Self.withFile { agent in
            var headers: Headers = [:]
            for (name, value) in fields { headers[name] = value }
            let (head, body) = try await agent.exchange("GET", "/files?path=f", headers)
            #expect(head.status == status)
            if status == 416 { #expect(head.headers["Content-Range"] == "bytes */1000") }
            #expect(body == (status == 200 ? Self.bytes : []))
        }
    }

    @Test func `has no part of an empty file`() {
        #expect(ByteRange("bytes=0-", size: 0) == .unsatisfiable)
        #expect(ByteRange("bytes=-1", size: 0) == .unsatisfiable)
        #expect(ByteRange(nil, size: 0) == .whole)
    }

    @Test(arguments: [
        (nil as String?, 200, false), ("", 200, false), ("gzip", 200, true), ("gzip, identity", 200, false),
        ("GZIP;q=0.5", 200, true), ("identity;q=0, gzip", 200, true), ("identity;q=0, *", 200, true),
        ("zstd, br", 200, false), ("*", 200, false), ("identity;q=0", 406, false), ("*;q=0", 406, false),
        ("*;q=0, identity", 200, false), ("gzip;q=0", 200, false),
    ])
    func `is packed for who takes nothing else`(_ accepted: String?, _ status: Int, _ isPacked: Bool) async throws {
        try await Self.withFile { agent in
            var headers: Headers = [:]
            headers["Accept-Encoding"] = accepted
            let (head, body) = try await agent.exchange("GET", "/files?path=f", headers)
            #expect(head.status == status)
            #expect(head.headers["Content-Encoding"] == (isPacked ? "gzip" : nil))
            guard status == 200 else { return }
            if isPacked {
                let inflater = try Inflater()
                inflater.add(body)
                #expect(try inflater.next(upTo: 10_000) == Self.bytes)
                try inflater.finish()
            } else {
                #expect(body == Self.bytes)
            }
        }
    }

    @Test func `follows links, and reads what claims to be empty`() async throws {
        try await Self.withFile { agent in
            _ = try await agent.shell("ln -s f link; ln -s link second")
            #expect(try await agent.exchange("GET", "/files?path=second").body == Self.bytes)
            let id = try await agent.exchange("GET", "/files?path=/proc/sys/kernel/random/boot_id").body
            #expect(id.count == 37)
        }
    }

    @Test(arguments: [
        ("path=missing", 404, "path '{home}/missing' does not exist"), ("path=", 400, "path '{home}' is a directory"),
        ("path=f/g", 400, "a part of the path '{home}/f/g' is not a directory"),
        ("path=f&username=no-one", 401, "error looking up user 'no-one': user: unknown user no-one"),
        ("path=~root/x", 400, "The home of another user can not be written as '~root/x'"),
        ("path=/dev/zero", 400, "path '/dev/zero' is not a file"),
    ])
    func `is refused in words that clients know`(_ query: String, _ status: Int, _ message: String) async throws {
        try await Self.withFile { agent in
            let (head, body) = try await agent.exchange("GET", "/files?\(query)")
            #expect(head.status == status)
            let expected = message.split(separator: "{home}", omittingEmptySubsequences: false).joined(
                separator: agent.home
            )
            #expect(try JSONValue(parsing: body) == ["code": .integer(Int64(status)), "message": .string(expected)])
        }
    }
}

@Suite struct `packed bytes` {
    @Test(arguments: [1, 7, 1000, 65_536])
    func `are unpacked in pieces of any size, as many files as there are`(_ size: Int) throws {
        let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* $0 / 7) }
        let (first, second) = (try Deflater(), try Deflater())
        let packed =
            first.pack(Array(content[..<100_000]), isLast: false) + first.pack([], isLast: true)
            + second.pack(Array(content[100_000...]), isLast: true)
        let inflater = try Inflater()
        var unpacked: [UInt8] = []
        for start in stride(from: 0, to: packed.count, by: size) {
            inflater.add(Array(packed[start..<min(start + size, packed.count)]))
            while case let bytes = try inflater.next(upTo: 4096), !bytes.isEmpty { unpacked += bytes }
        }
        try inflater.finish()
        #expect(unpacked == content)
    }

    @Test func `are given no faster than they are asked for`() throws {
        let deflater = try Deflater()
        var packed: [UInt8] = []
        for _ in 0..<64 { packed += deflater.pack([UInt8](repeating: 0, count: 1 << 20), isLast: false) }
        packed += deflater.pack([], isLast: true)
        let inflater = try Inflater()
        inflater.add(packed)
        var total = 0
        while case let bytes = try inflater.next(upTo: 100_000), !bytes.isEmpty {
            #expect(bytes.count <= 100_000)
            total += bytes.count
        }
        try inflater.finish()
        #expect(total == 64 << 20)
    }

    @Test func `are refused when they are damaged, cut off, or none`() throws {
        let packed = try Deflater().pack([UInt8](repeating: 7, count: 5000), isLast: true)
        let cut = try Inflater()
        cut.add(Array(packed.dropLast()))
        while case let bytes = try cut.next(upTo: 4096), !bytes.isEmpty {}
        #expect(throws: HTTPError.self) { try cut.finish() }
        let wrong = try Inflater()
        var damaged = packed
        damaged[packed.count - 6] ^= 0xFF
        wrong.add(damaged)
        #expect(throws: HTTPError.self) { while case let bytes = try wrong.next(upTo: 4096), !bytes.isEmpty {} }
        #expect(throws: HTTPError.self) { try Inflater().finish() }
    }
}
