import FoundationEssentials
import HTTP
import Linux

/// The repositories of one host that a sandbox may use. It knows nothing of connections.
package struct GitRules: Sendable {
    /// What a request is to git.
    package enum Meaning: Sendable, Hashable {
        /// It is about no repository of these.
        case other
        /// It reads, or asks what may be pushed.
        case allowed(GitRule)
        /// It pushes; what, is in its body.
        case push(GitRule)
        /// It is about a repository of these, and may not be. The sentence is for whoever runs git.
        case refused(GitRule, String)
    }

    private let rules: [GitRule]

    init(_ rules: [GitRule]) {
        self.rules = rules
    }

    /// Whether a rule of this id is one of these.
    package func contains(_ id: String) -> Bool { rules.contains { $0.id == id } }

    /// - Parameter query: with its question mark, or empty.
    package func meaning(of method: String, _ path: String, query: String) -> Meaning {
        for rule in rules {
            guard let rest = Self.rest(of: path, below: rule.path) else { continue }
            switch (method, rest + query) {
            case ("GET", "/info/refs?service=git-upload-pack"), ("POST", "/git-upload-pack"):
                return .allowed(rule)
            case ("GET", "/info/refs?service=git-receive-pack"), ("POST", "/git-receive-pack"):
                guard !rule.pushes.isEmpty else {
                    return .refused(rule, "This sandbox may read \(rule.path) and push nothing to it")
                }
                return method == "GET" ? .allowed(rule) : .push(rule)
            default:
                return .refused(rule, "This sandbox may use \(rule.path) with git's smart protocol alone")
            }
        }
        return .other
    }

    /// What follows a repository's path; nil for the path of something else.
    private static func rest(of path: String, below repository: String) -> String? {
        for start in ["\(repository).git", repository] where path.utf8.starts(with: start.utf8) {
            let rest = path.utf8.dropFirst(start.utf8.count)
            if rest.isEmpty || rest.first == 0x2F { return String(rest) }
        }
        return nil
    }
}

extension GitRule {
    /// What is wrong with a push; nil for one that may go out.
    package func fault(of push: PushRequest) -> ((_ ref: String) -> String)? {
        guard push.refs.contains(where: { !allows(pushTo: $0) }) else { return nil }
        let allowed = pushes.joined(separator: ", ")
        return { ref in
            allows(pushTo: ref)
                ? "not pushed, because others of this push are not allowed"
                : "this sandbox may push to \(allowed) alone"
        }
    }

    /// The fields of a request with the credential in them, and nothing that the sandbox put in its place.
    func credited(
        _ headers: Headers,
        _ secret: (String) async throws -> Secret
    ) async throws(HTTPError) -> Headers {
        guard let name = self.secret else { return headers }
        guard let value = try? await secret(name) else {
            throw HTTPError(502, "There is no secret '\(name)', which the rule '\(self)' names")
        }
        var headers = headers
        let pair = value.exposed { Data("\(user):\($0)".utf8).base64EncodedString() }
        headers["Authorization"] = "Basic \(pair)"
        return headers
    }
}
