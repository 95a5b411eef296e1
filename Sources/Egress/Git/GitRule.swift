/// A repository that a sandbox may use with git, and the branches that it may push to.
///
/// Its requests are opened, as those of hosts with ``HeaderRule``s are: a credential is added that the sandbox does not have, and what
/// is pushed is looked at before any of it goes out.
package struct GitRule: Sendable, Hashable, Codable {
    /// What logs name it by.
    package var id: String
    /// A name, and perhaps a port; without one it is 443.
    package var target: EgressTarget
    /// The repository's path, without `.git` at its end.
    package var path: String
    /// What may be pushed to: whole names of refs, or with `*` at the end all that begin so. Empty is nothing.
    package var pushes: [String]
    /// Whom the secret is of, to the host.
    package var user: String
    /// The name of the secret that is added as a password; nil adds nothing.
    package var secret: String?

    /// How a rule is written on one line.
    package static let form = "https://HOST[:PORT]/PATH[ push=BRANCH[,BRANCH]][ secret=NAME][ user=NAME]"
    /// What the hosts of repositories take as the user of a token.
    private static let usualUser = "x-access-token"

    /// Reads a rule as the command line has it: `https://github.com/me/repo push=agent/* secret=github`.
    ///
    /// A branch without `refs/` before it is one of `refs/heads/`.
    ///
    /// - Throws: ``EgressError`` for what has another form, and for what no rule can do.
    package init(line: String) throws(EgressError) {
        let words = line.split(separator: " ").map(String.init)
        guard let place = words.first, place.lowercased().hasPrefix("https://") else { throw Self.malformed(line) }
        let rest = place.dropFirst("https://".count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard let target = EgressTarget(String(rest[..<slash])), case .name = target.place,
            target.ports.map({ $0.count == 1 }) ?? true
        else { throw Self.malformed(line) }
        self.target = EgressTarget(target.place, ports: target.ports ?? 443...443)
        var path = String(rest[slash...])
        while path.hasSuffix("/") { path.removeLast() }
        if path.hasSuffix(".git") { path.removeLast(".git".count) }
        guard Self.isPath(path), !path.hasSuffix(".git") else { throw Self.malformed(line) }
        self.path = path
        id = "git \(Self.host(self.target))\(path)"
        pushes = []
        user = Self.usualUser
        for word in words.dropFirst() {
            let pair = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard pair.count == 2, !pair[1].isEmpty else { throw Self.malformed(line) }
            switch pair[0] {
            case "push":
                for branch in pair[1].split(separator: ",", omittingEmptySubsequences: false) {
                    let ref = branch.hasPrefix("refs/") ? String(branch) : "refs/heads/\(branch)"
                    guard Self.isPattern(ref) else {
                        throw EgressError(
                            .invalid,
                            "'\(branch)' is no name of a branch, nor the beginning of one with '*'"
                        )
                    }
                    pushes.append(ref)
                }
            case "secret": secret = pair[1]
            case "user":
                guard pair[1].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x3A }) else {
                    throw Self.malformed(line)
                }
                user = pair[1]
            default: throw Self.malformed(line)
            }
        }
    }

    private static func host(_ target: EgressTarget) -> String {
        target.ports == 443...443 ? EgressTarget(target.place).description : target.description
    }

    private static func malformed(_ line: String) -> EgressError {
        // Where a user could stand there may be a password.
        let shown = line.contains("@") ? "…" : line
        return EgressError(.invalid, "'\(shown)' is no rule for git, which has the form '\(form)'")
    }

    /// One spelling for each path: nothing that some server would resolve.
    private static func isPath(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let isPlain = path.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F, 0x7E, 0x2B: true
            default: false
            }
        }
        return isPlain && !parts.isEmpty && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    }

    private static func isPattern(_ ref: String) -> Bool {
        let name = ref.hasSuffix("*") ? ref.dropLast() : ref[...]
        return name.hasPrefix("refs/") && name.count > "refs/".count && GitRefName.isPlain(name.utf8)
            && (ref.hasSuffix("*") || !name.hasSuffix("/"))
    }

    /// Whether this ref may be pushed to.
    package func allows(pushTo ref: String) -> Bool {
        // Byte by byte, as git compares them: to a String two spellings of one letter are the same.
        let ref = Array(ref.utf8)
        return pushes.contains { pattern in
            let pattern = Array(pattern.utf8)
            guard pattern.last == 0x2A else { return ref == pattern }
            return ref.count >= pattern.count && ref.starts(with: pattern.dropLast())
        }
    }

    /// What lets its requests out.
    var permission: EgressPolicy.Rule { EgressPolicy.Rule(id: id, .allow, target) }
}

extension GitRule: CustomStringConvertible {
    package var description: String {
        let branches = pushes.map { ref in
            let isBranch = ref.hasPrefix("refs/heads/") && !ref.hasPrefix("refs/heads/refs/")
            return isBranch ? String(ref.dropFirst("refs/heads/".count)) : ref
        }
        return "https://\(Self.host(target))\(path)"
            + (branches.isEmpty ? "" : " push=\(branches.joined(separator: ","))")
            + (secret.map { " secret=\($0)" } ?? "") + (user == Self.usualUser ? "" : " user=\(user)")
    }
}

/// Names of refs.
enum GitRefName {
    /// Whether a name has nothing that git itself refuses, or that two servers could read as two names.
    static func isPlain(_ name: some Collection<UInt8>) -> Bool {
        var last: UInt8 = 0x2F
        for byte in name {
            switch byte {
            // Control characters, space, `~ ^ : ? * [ \` and DEL.
            case ...0x20, 0x7E, 0x5E, 0x3A, 0x3F, 0x2A, 0x5B, 0x5C, 0x7F: return false
            // No part is empty or begins with a dot, and no two dots follow each other.
            case 0x2F where last == 0x2F: return false
            case 0x2E where last == 0x2F || last == 0x2E: return false
            default: last = byte
            }
        }
        return true
    }
}
