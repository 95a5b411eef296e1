import CLinux
import Linux

/// The rights on files with which a thread of the agent works.
enum FileRights {
    /// Runs `body` with a user's rights in place of root's. It must stay on its thread: it may block, and nothing in it waits.
    static func borrowed<Result>(from account: Account, _ body: () throws -> Result) throws -> Result {
        try check("act as '\(account.name)'") {
            clinux_act_as(account.uid, account.gid, account.groups, account.groups.count)
        }
        defer {
            // A thread that can not become root again would fail at things that have nothing to do with this user.
            precondition(clinux_act_as(0, 0, nil, 0) == 0, "the rights of root are gone")
        }
        return try body()
    }
}
