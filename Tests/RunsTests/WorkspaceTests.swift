import Glibc
import GuestLink
import Linux
import Testing

@testable import Runs

/// The permission bits of a file.
func permissions(_ path: String) -> UInt32? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
}

@Suite struct `a working directory in the guest` {
    @Test(arguments: ["repo", "a b", "-x", "é", ".hidden", String(repeating: "x", count: 200)])
    func `may have any plain name`(name: String) {
        #expect(Workspace.isName(name))
    }

    @Test(arguments: [
        "", ".", "..", "a/b", "/", "a\nb", "a\0b", "\u{7F}", String(repeating: "x", count: 201),
        String(repeating: "é", count: 101),
    ])
    func `may not have a name that leads elsewhere`(name: String) {
        #expect(!Workspace.isName(name))
    }

    @Test(arguments: [
        ("workspace", "-home-user-workspace"), ("my_repo.v2", "-home-user-my-repo-v2"), ("é", "-home-user--"),
        ("e\u{301}", "-home-user-e-"), ("🐦", "-home-user---"),
    ])
    func `has its sessions where Claude Code puts them`(name: String, folder: String) {
        let link = GuestLink(GuestLine(to: .unix("/nowhere")), token: Secret("t"))
        let workspace = Workspace(link: link, name: name)
        #expect(workspace.sessionFile("abc") == "/home/user/.claude/projects/\(folder)/abc.jsonl")
    }
}
