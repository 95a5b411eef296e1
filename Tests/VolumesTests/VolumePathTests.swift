import Testing

@testable import Volumes

@Suite struct `a path in a volume` {
    @Test(arguments: [
        ("/", "/"), ("/a/b", "/a/b"), ("a", "/a"), ("//a///b/", "/a/b"), ("/./a/.", "/a"), ("..", "/"), ("/..", "/"),
        ("/../../etc/passwd", "/etc/passwd"), ("a/../../b", "/b"), ("/a/b/../c", "/a/c"), ("...", "/..."),
        // A slash is one although a combining mark follows.
        ("/a/\u{0301}b", "/a/\u{0301}b"), ("/..\u{0301}/a", "/..\u{0301}/a"),
    ])
    func `begins at the root and never leads above it`(_ text: String, _ expected: String) throws {
        #expect(try VolumePath(text).description == expected)
    }

    @Test func `is split by bytes`() throws {
        #expect(try VolumePath("/a/\u{0301}b").parts == ["a", "\u{0301}b"])
        #expect(try VolumePath("/a/b").ancestry.map(\.description) == ["/", "/a", "/a/b"])
        #expect(try VolumePath("/").parent.isRoot && VolumePath("/").relative == ".")
    }

    @Test(arguments: ["", "a\0b", String(repeating: "a", count: 256), String(repeating: "a/", count: 2048)])
    func `is refused when no file can have it`(_ text: String) {
        #expect(throws: VolumesError.self) { try VolumePath(text) }
    }
}
