import Foundation
import Schemas
import Testing
import Wire

/// The JSON Schema organisation's own test suite, which lies beside a checkout and not in it, or where
/// `JSON_SCHEMA_TEST_SUITE` says.
struct OfficialSuite {
    static let root: URL = {
        if let path = ProcessInfo.processInfo.environment["JSON_SCHEMA_TEST_SUITE"] { return URL(filePath: path) }
        var root = URL(filePath: #filePath)
        for _ in 0..<3 { root.deleteLastPathComponent() }
        return root.deletingLastPathComponent().appending(path: "shared/data/json-schema-test-suite")
    }()

    static let isPresent = FileManager.default.fileExists(atPath: root.path)
    static let remark: Comment =
        "The official suite is absent from ../shared/data/json-schema-test-suite; it was skipped"

    struct Group: Decodable {
        let description: String
        let schema: JSONValue
        let tests: [Case]
    }

    struct Case: Decodable {
        let description: String
        let data: JSONValue
        let valid: Bool
    }

    /// The names of the files in `folder`, without extension.
    static func files(in folder: String) -> [String] {
        let names = try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)
        return (names ?? []).filter { $0.hasSuffix(".json") }.sorted()
    }

    static func groups(_ path: String) throws -> [Group] {
        let data = try Data(contentsOf: root.appending(path: path))
        return try JSONValue(parsing: data).decode([Group].self)
    }

    /// The documents the suite expects at `http://localhost:1234/`.
    static let remotes: [String: JSONValue] = {
        let folder = root.appending(path: "remotes")
        var remotes: [String: JSONValue] = [:]
        for case let path as String in FileManager.default.enumerator(atPath: folder.path) ?? .init() {
            guard path.hasSuffix(".json"), let data = try? Data(contentsOf: folder.appending(path: path)) else {
                continue
            }
            remotes["http://localhost:1234/" + path] = try? JSONValue(parsing: data)
        }
        return remotes
    }()

    /// Runs every case of a file and tells which came out wrong.
    static func disagreements(_ path: String, assertFormats: Bool = false) throws -> [String] {
        var wrong: [String] = []
        for group in try groups(path) {
            do {
                let schema = try JSONSchema(group.schema, assertFormats: assertFormats, remotes: remotes)
                for test in group.tests {
                    let faults = schema.validate(test.data)
                    guard faults.isEmpty != test.valid else { continue }
                    wrong.append("\(group.description) › \(test.description): \(faults.first?.message ?? "no fault")")
                }
            } catch {
                wrong.append("\(group.description): \(error)")
            }
        }
        return wrong
    }
}

@Suite(.enabled(if: OfficialSuite.isPresent, OfficialSuite.remark))
struct `the official suite` {
    @Test func `is all there`() {
        #expect(OfficialSuite.files(in: "tests/draft2020-12").count >= 40)
        #expect(OfficialSuite.remotes.count >= 20)
    }

    @Test(arguments: OfficialSuite.files(in: "tests/draft2020-12"))
    func `agrees on every required case of`(file: String) throws {
        #expect(try OfficialSuite.disagreements("tests/draft2020-12/\(file)") == [])
    }

    @Test(
        arguments: [
            "date-time", "date", "time", "duration", "email", "ipv4", "ipv6", "uri", "uuid", "json-pointer", "regex",
            "ecmascript-regex", "unknown",
        ]
    )
    func `agrees on the format`(format: String) throws {
        #expect(
            try OfficialSuite.disagreements("tests/draft2020-12/optional/format/\(format).json", assertFormats: true)
                == []
        )
    }

    /// What an encoded label (`xn--…`) may say is a table of Unicode that is not looked up here.
    @Test func `agrees on host names, except on what an encoded label may say`() throws {
        let path = "tests/draft2020-12/optional/format/hostname.json"
        let wrong = try OfficialSuite.disagreements(path, assertFormats: true)
        #expect(wrong.filter { !$0.hasPrefix("validation of A-label (punycode) host names") } == [])
    }

    /// Left out: `cross-draft` and `dependencies-compatibility`, which ask for the rules of older drafts.
    @Test(
        arguments: [
            "anchor", "bignum", "dynamicRef", "ecmascript-regex", "float-overflow", "format-assertion", "id",
            "no-schema",
            "non-bmp-regex", "refOfUnknownKeyword", "unknownKeyword",
        ]
    )
    func `agrees on the optional`(file: String) throws {
        #expect(try OfficialSuite.disagreements("tests/draft2020-12/optional/\(file).json") == [])
    }
}
