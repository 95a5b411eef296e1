import FoundationEssentials
import Linux
import Testing
import Wire

@testable import Audit

@Suite struct `an audit log` {
    private func inFolder(_ body: (String) async throws -> Void) async throws {
        let folder = "/tmp/audit-\(Random.name(10))"
        try Files.makeDirectory(folder)
        defer { try? Files.remove(folder) }
        try await body("\(folder)/audit.jsonl")
    }

    private func write(_ path: String, _ count: Int = 5) throws -> AuditLog {
        let log = try AuditLog(path)
        for index in 0..<count { log.append("test", ["index": .integer(Int64(index)), "text": "a\nb"]) }
        return log
    }

    @Test func `has a line for each event, and goes on where it ended`() async throws {
        try await inFolder { path in
            #expect(try write(path).head.number == 5)
            let log = try write(path, 2)
            let entries = try AuditLog.entries(in: path, upTo: log.head)
            #expect(entries.map(\.number) == Array(1...7))
            #expect(entries.map { $0.facts["index"] } == [0, 1, 2, 3, 4, 0, 1])
            #expect(entries[0].time.hasSuffix("Z") && entries[6].hash == log.head.hash)
        }
    }

    @Test func `shows any byte that was changed, and is not written on`() async throws {
        try await inFolder { path in
            _ = try write(path, 3)
            let bytes = try Files.read(path)
            for index in stride(from: 0, to: bytes.count, by: 7) {
                var changed = bytes
                changed[index] ^= 1
                try Files.write(changed, to: path)
                #expect(throws: AuditError.self) { try AuditLog.entries(in: path) }
            }
            var changed = bytes
            changed[10] ^= 1
            try Files.write(changed, to: path)
            #expect(throws: AuditError.self) { try AuditLog(path) }
            #expect(try Files.read(path) == changed)
        }
    }

    @Test func `shows lines that were taken out, moved or cut off`() async throws {
        try await inFolder { path in
            let head = try write(path).head
            let lines = try Files.read(path).split(separator: 0x0A).map { Array($0) + [0x0A] }
            for wrong in [[0, 1, 3, 4], [1, 2, 3, 4], [0, 2, 1, 3, 4], [0, 0, 1, 2, 3, 4]] {
                try Files.write(wrong.flatMap { lines[$0] }, to: path)
                #expect(throws: AuditError.self) { try AuditLog.entries(in: path) }
            }
            try Files.write(lines[..<4].flatMap(\.self), to: path)
            #expect(try AuditLog.entries(in: path).count == 4)
            let error = #expect(throws: AuditError.self) { try AuditLog.entries(in: path, upTo: head) }
            #expect(error?.line == 5)
            // Written anew with other words, it has another end.
            try Files.remove(path)
            let forged = try AuditLog(path)
            for _ in 0..<5 { forged.append("other") }
            #expect(throws: AuditError.self) { try AuditLog.entries(in: path, upTo: head) }
        }
    }

    @Test func `is whole again after a crash in the middle of a line`() async throws {
        try await inFolder { path in
            _ = try write(path, 2)
            let bytes = try Files.read(path)
            try Files.write(bytes + Array(#"{"event":"te"#.utf8), to: path)
            #expect(throws: AuditError.self) { try AuditLog.entries(in: path) }
            _ = try write(path, 1)
            #expect(try AuditLog.entries(in: path).map(\.event) == ["test", "test", "audit.recovered", "test"])
        }
    }

    @Test func `keeps its order when many write at once`() async throws {
        try await inFolder { path in
            let log = try AuditLog(path)
            await withTaskGroup(of: Void.self) { group in
                for index in 0..<200 { group.addTask { log.append("test", ["index": .integer(Int64(index))]) } }
            }
            #expect(try AuditLog.entries(in: path, upTo: log.head).count == 200)
        }
    }

    @Test func `holds no more of a guest's words than it can bear`() async throws {
        try await inFolder { path in
            let log = try AuditLog(path)
            log.append("test", ["text": .string(String(repeating: "x", count: 1_000_000))])
            #expect(try Files.read(path).count < 1000)
            #expect(log.failure == nil)
        }
    }
}
