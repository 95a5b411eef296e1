import FoundationEssentials
import Glibc
import HTTP
import Linux
import Wire

/// Whose rights a request is served with.
package enum Users: Sendable {
    /// The users of the guest: the agent is root and becomes any of them.
    case ofGuest
    /// The one user that runs the agent, at home in `home`; for an agent on a developer's machine.
    case caller(home: String)

    /// Whether a process must be switched to another user.
    var areSwitched: Bool {
        switch self {
        case .ofGuest: true
        case .caller: false
        }
    }

    /// Finds a user by name; nil for one that is not there. Blocks.
    func find(_ name: String) -> Account? {
        switch self {
        case .ofGuest: return Accounts.load()[name]
        case .caller(let home):
            let uid = getuid()
            let own = Accounts.load().userName(uid)
            guard name == own || name == Self.fallback else { return nil }
            return Account(name: own, uid: uid, gid: getgid(), home: home, shell: "/bin/sh", groups: [getgid()])
        }
    }

    /// The user that E2B's templates have.
    static let fallback = "user"

    /// Reads the name from `Authorization: Basic base64("name:")`; nil when the header or the name is absent.
    static func name(_ headers: Headers) throws(CallError) -> String? {
        guard let header = headers["Authorization"] else { return nil }
        let parts = header.split(separator: " ")
        guard parts.count == 2, parts[0].lowercased() == "basic", let bytes = Data(base64Encoded: String(parts[1]))
        else { throw CallError(.unauthenticated, "The Authorization header is not 'Basic' and a user's name") }
        let name = String(decoding: bytes, as: UTF8.self).prefix { $0 != ":" }
        return name.isEmpty ? nil : String(name)
    }
}
