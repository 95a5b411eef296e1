import Foundation
import Testing

/// What the page about the network promises.
@Suite struct `the page about attacks` {
    @Test func `names tests that there are`() throws {
        let root = String(#filePath.prefix(upTo: #filePath.range(of: "/Tests/EgressTests/")!.lowerBound))
        let page = try String(contentsOfFile: "\(root)/docs/network.md", encoding: .utf8)
        let attacks = try #require(page.components(separatedBy: "\n## Attacks\n").last)
        let files = try #require(FileManager.default.enumerator(atPath: "\(root)/Tests"))
        let tests = files.compactMap { $0 as? String }.filter { $0.hasSuffix("Tests.swift") }
            .compactMap { try? String(contentsOfFile: "\(root)/Tests/\($0)", encoding: .utf8) }
        let rows = attacks.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst()
        #expect(rows.count > 20)
        for row in rows {
            // | attack | *suite*: test; test; *suite*: test |
            let cell = try #require(row.components(separatedBy: " | ").last).dropLast(2)
            let parts = cell.components(separatedBy: "*").filter { !$0.isEmpty }
            #expect(parts.count % 2 == 0, "\(row)")
            for (suite, names) in zip(parts[...].every(2), parts.dropFirst().every(2)) {
                let sources = tests.filter { $0.contains("struct `\(suite)`") }
                #expect(!sources.isEmpty, "there is no suite '\(suite)'")
                for name in names.drop(while: { $0 == ":" }).components(separatedBy: ";") {
                    let name = name.trimmingCharacters(in: .whitespaces)
                    if name.isEmpty { continue }
                    #expect(sources.contains { $0.contains("func `\(name)`") }, "'\(suite)' has no test '\(name)'")
                }
            }
        }
    }
}

extension ArraySlice {
    fileprivate func every(_ step: Int) -> [Element] {
        stride(from: startIndex, to: endIndex, by: step).map { self[$0] }
    }
}
