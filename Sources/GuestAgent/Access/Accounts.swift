import Glibc
import Linux

/// A user of the guest.
package struct Account: Sendable, Hashable {
    package var name: String
    package var uid: UInt32
    package var gid: UInt32
    package var home: String
    package var shell: String
    /// All groups, the primary one first.
    package var groups: [UInt32]
}

/// The users and groups of the guest, read from their files.
///
/// The C library's own look-up would load plug-ins into a static program, so the two files are parsed here.
package struct Accounts: Sendable {
    private let users: [Account]
    private let groupNames: [UInt32: String]

    /// Parses the texts of `/etc/passwd` and `/etc/group`; lines that are not entries are passed over.
    package init(passwd: String, group: String) {
        var names: [UInt32: String] = [:]
        var memberships: [String: [UInt32]] = [:]
        for fields in Self.entries(group, atLeast: 4) {
            guard let gid = UInt32(fields[2]) else { continue }
            if names[gid] == nil { names[gid] = fields[0] }
            for member in fields[3].split(separator: ",") { memberships[String(member), default: []].append(gid) }
        }
        groupNames = names
        users = Self.entries(passwd, atLeast: 7).compactMap { fields in
            guard let uid = UInt32(fields[2]), let gid = UInt32(fields[3]) else { return nil }
            let others = (memberships[fields[0]] ?? []).filter { $0 != gid }
            return Account(
                name: fields[0],
                uid: uid,
                gid: gid,
                home: fields[5].isEmpty ? "/" : fields[5],
                shell: fields[6].isEmpty ? "/bin/sh" : fields[6],
                groups: [gid] + others
            )
        }
    }

    private static func entries(_ text: String, atLeast count: Int) -> [[String]] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            return fields.count >= count && !fields[0].isEmpty && !line.hasPrefix("#") ? fields : nil
        }
    }

    /// The user of that name, or number. Root is there in every guest, also in one whose files name nobody.
    package subscript(name: String) -> Account? {
        if let user = users.first(where: { $0.name == name }) { return user }
        if name == "root" {
            return Account(name: "root", uid: 0, gid: 0, home: "/root", shell: "/bin/sh", groups: [0])
        }
        let numbers = name.split(separator: ":", omittingEmptySubsequences: false).map { UInt32($0) }
        guard let first = numbers.first, let uid = first, numbers.count <= 2 else { return nil }
        if numbers.count == 1, let user = users.first(where: { $0.uid == uid }) { return user }
        guard let gid = numbers.count == 2 ? numbers[1] : uid else { return nil }
        let home = users.first { $0.uid == uid }?.home ?? "/"
        return Account(name: userName(uid), uid: uid, gid: gid, home: home, shell: "/bin/sh", groups: [gid])
    }

    package func userName(_ uid: UInt32) -> String { users.first { $0.uid == uid }?.name ?? String(uid) }
    package func groupName(_ gid: UInt32) -> String { groupNames[gid] ?? String(gid) }

    /// The number of a group by its name, or its number in digits.
    package func group(named name: String) -> UInt32? {
        groupNames.filter { $0.value == name }.keys.min() ?? UInt32(name)
    }

    /// Reads both files anew, for programs add users while the guest runs. Blocks.
    static func load() -> Accounts {
        Accounts(passwd: text(of: "/etc/passwd"), group: text(of: "/etc/group"))
    }

    static func text(of path: String) -> String {
        guard let file = try? Descriptor.open(path, O_RDONLY) else { return "" }
        var all: [UInt8] = []
        while let bytes = try? file.read(upTo: 65_536), !bytes.isEmpty { all += bytes }
        return String(decoding: all, as: UTF8.self)
    }
}
