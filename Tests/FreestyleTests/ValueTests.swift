import Testing
import Wire

@testable import Freestyle

@Suite struct `a path in a machine` {
    @Test(arguments: [
        ("/a/b", "/a/b"), ("//a///b/", "/a/b"), ("/a/./b", "/a/b"), ("/", "/"), ("/a b", "/a b"),
        ("/..a/b..", "/..a/b.."),
    ])
    func `is absolute, and tidied`(_ text: String, _ path: String) throws {
        #expect(try GuestPath(text).text == path)
    }

    @Test(arguments: ["", "a", "~/a", "/a/../b", "/..", "/a\u{0}b", "/" + String(repeating: "x", count: 4096)])
    func `is refused`(_ text: String) {
        #expect { try GuestPath(text) } throws: { ($0 as? FreestyleError)?.status == 400 }
    }
}

@Suite struct `a slug` {
    @Test(arguments: ["a", "a-1", "-", String(repeating: "a", count: 63)]) func `is short and plain`(_ text: String)
        throws
    {
        #expect(try Slug.checked(text) == text)
    }

    @Test(arguments: ["", "A", "a_b", "a.b", "ä", "a b", "a/b", String(repeating: "a", count: 64)])
    func `is refused`(_ text: String) {
        #expect { try Slug.checked(text) } throws: { ($0 as? FreestyleError)?.code == .badRequest }
    }
}

@Suite struct `a filter of metadata` {
    @Test func `is pairs with commas; values may have colons`() throws {
        #expect(try MetadataPairs.read("a:1,b:x:y,c:") == ["a": "1", "b": "x:y", "c": ""])
        #expect(try MetadataPairs.read(nil) == [:])
    }

    @Test(arguments: ["a", ":1", "a:1,b"]) func `is refused`(_ text: String) {
        #expect { try MetadataPairs.read(text) } throws: { ($0 as? FreestyleError)?.code == .badRequest }
    }
}

@Suite struct `members of a body` {
    private let members = Members([
        "text": "t", "number": 7, "null": nil, "list": ["a", 1], "object": ["inner": true], "bytes": "aGk=",
    ])

    @Test func `are read by name and kind`() throws {
        #expect(try members.text("text") == "t")
        #expect(try members.integer("number", in: 1...10) == 7)
        #expect(try members.string("null") == nil && members.string("none") == nil)
        #expect(try members.stringChange("null") == .clear && members.stringChange("none") == .keep)
        #expect(try members.object("object")?.bool("inner") == true)
        #expect(try members.base64("bytes") == Array("hi".utf8))
    }

    @Test func `are refused by their whole names`() throws {
        func message(_ body: () throws -> Void) -> String {
            do {
                try body()
                return ""
            } catch {
                return (error as? FreestyleError)?.message ?? "\(error)"
            }
        }
        #expect(message { _ = try members.text("none") } == "'none' is missing")
        #expect(message { _ = try members.string("number") } == "'number' must be a string")
        #expect(message { _ = try members.integer("number", in: 1...6) } == "'number' must be an integer from 1 to 6")
        #expect(message { _ = try members.strings("list") } == "'list.1' must be a string")
        #expect(message { _ = try members.objects("list") } == "'list.0' must be an object")
        #expect(message { _ = try members.object("object")?.text("inner") } == "'object.inner' must be a string")
        #expect(message { _ = try members.base64("text") } == "'text' must be in base64")
        let unknown = message { try members.object("object")?.allow(only: ["a", "b"]) }
        #expect(unknown == "'object.inner' is not known here; there are 'a', 'b'")
    }
}

@Suite struct `the limits of a machine` {
    @Test func `are set, left and taken away`() throws {
        var limits = VMLimits()
        try limits.change(Members(["ttlSeconds": 60, "idleTimeoutSeconds": -1, "autoDeleteSeconds": 0]))
        #expect(limits.ttl == 60 && limits.idleTimeout == nil && limits.autoDelete == 0 && limits.automaticRestart)
        try limits.change(Members(["ttlSeconds": nil, "automaticRestart": false]))
        #expect(limits.ttl == nil && limits.autoDelete == 0 && !limits.automaticRestart)
    }

    @Test(arguments: ["idleTimeoutSeconds", "ttlSeconds", "maxRunSeconds"]) func `are more than 0`(_ name: String) {
        var limits = VMLimits()
        #expect { try limits.change(Members([name: 0])) } throws: { ($0 as? FreestyleError)?.status == 400 }
    }
}

@Suite struct `a refusal of Freestyle's API` {
    @Test func `names its code as each version does`() {
        let refusal = FreestyleError.conflict("No")
        #expect(refusal.answer(.fifth).body == Array(#"{"code":"CONFLICT","message":"No"}"#.utf8))
        #expect(refusal.answer(.first).body == Array(#"{"error":"CONFLICT","message":"No"}"#.utf8))
    }

    @Test(arguments: [
        (CallError.Code.notFound, 404, "NOT_FOUND"), (.invalidArgument, 400, "BAD_REQUEST"),
        (.permissionDenied, 403, "FORBIDDEN"), (.alreadyExists, 409, "CONFLICT"),
        (.unavailable, 409, "VM_NON_RESPONSIVE"),
        (.dataLoss, 409, "VM_NON_RESPONSIVE"), (.internalError, 500, "INTERNAL_ERROR"),
    ])
    func `says what a guest refused`(_ code: CallError.Code, _ status: Int, _ name: String) {
        let refusal = FreestyleError(CallError(code, "No"))
        #expect(refusal.status == status && refusal.code.rawValue == name)
    }
}

@Suite struct `rights of a file` {
    @Test(arguments: [(UInt32(0o644), "0644"), (0, "0000"), (0o7, "0007"), (0o1777, "1777")])
    func `are four octal digits`(_ mode: UInt32, _ text: String) {
        #expect(FileEndpoints.octal(mode) == text)
    }
}
