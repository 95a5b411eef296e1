import Arguments

/// The variables by which programs find a daemon: Martlet's own commands elsewhere, and whatever was written for E2B.
package struct ClientVariables: Sendable {
    /// How requests reach sandboxes.
    package enum Way: Sendable, Hashable {
        /// One address for everything; headers say which sandbox. `get_host()` names nothing that is there.
        case plain
        /// Each port of each sandbox has a name of its own below `domain`, which may say a port too.
        ///
        /// - trust: nil where clients trust the daemon's certificate anyway.
        case tls(domain: String, trust: Trust?)
    }

    /// Files with certificates to trust.
    package struct Trust: Sendable, Hashable {
        /// The daemon's alone, for clients that add it to what they trust.
        package var authority: String
        /// Everything, for clients that trust nothing else then.
        package var all: String

        package init(authority: String, all: String) {
            self.authority = authority
            self.all = all
        }
    }

    private var values: [(name: String, value: String)]
    /// Would contradict the others, and may be there from an earlier time.
    private var absent: [String]

    package init(url: String, key: String, way: Way) {
        values = [("MARTLET_API_URL", url), ("MARTLET_API_KEY", key), ("E2B_API_KEY", key)]
        switch way {
        case .plain:
            values += [("E2B_API_URL", url), ("E2B_SANDBOX_URL", url), ("E2B_VOLUME_API_URL", url)]
            absent = []
        case .tls(let domain, let trust):
            values.append(("E2B_DOMAIN", domain))
            if let trust { values += [("SSL_CERT_FILE", trust.all), ("NODE_EXTRA_CA_CERTS", trust.authority)] }
            absent = ["E2B_API_URL", "E2B_SANDBOX_URL", "E2B_VOLUME_API_URL"]
        }
    }

    /// Lines for a shell to evaluate.
    package func text(for shell: Shell) -> String {
        let lines =
            switch shell {
            case .bash, .zsh:
                values.map { "export \($0.name)=\(shellQuoted($0.value))" }
                    + (absent.isEmpty ? [] : ["unset \(absent.joined(separator: " "))"])
            case .fish:
                values.map { "set -gx \($0.name) \(Self.fishQuoted($0.value));" } + absent.map { "set -e \($0);" }
            }
        return lines.map { $0 + "\n" }.joined()
    }

    /// The text as one word of fish, where a backslash means itself in quotes unless a quote or another one follows.
    private static func fishQuoted(_ text: String) -> String {
        "'\(text.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : String($0) }.joined())'"
    }
}

/// The text as one word of a POSIX shell.
func shellQuoted(_ text: String) -> String {
    "'\(text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#))'"
}
