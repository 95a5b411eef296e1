import FoundationEssentials
import Glibc
import GuestLink
import HTTP
import Linux
import Synchronization
import Wire

/// The working directory of a run in its guest: what came in, what changed, what goes out.
struct Workspace: Sendable {
    static let user = "user"
    static let home = "/home/user"
    /// The state of the directory before the agent: a repository of root's own, out of the agent's reach.
    private static let baseline = "/var/lib/martlet/baseline.git"
    static let diffLimit = 64 * 1024 * 1024
    static let stateLimit: Int64 = 1 << 30

    let link: GuestLink
    let path: String

    init(link: GuestLink, name: String) {
        self.link = link
        path = "\(Self.home)/\(name)"
    }

    /// A directory's name that is only a name.
    static func isName(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && !name.contains("/") && name.utf8.count <= 200
            && !name.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
    }

    func make() async throws {
        let made = try await link.run(
            GuestLink.Command("/bin/mkdir", ["-p", "--", path], user: Self.user, directory: "/")
        )
        guard made.status == 0 else { throw CallError(.internalError, "Could not make '\(path)': \(made.errorText)") }
    }

    /// What is in a directory that an agent cares about.
    struct Findings: Sendable, Hashable {
        var isRepository = false
        /// For Claude Code, of the directory's own.
        var hasSettings = false
    }

    /// Remembers the directory as it is now.
    ///
    /// A tree, not a commit, in a repository laid out by hand: each git process costs tens of milliseconds in a slow guest.
    @discardableResult
    func takeBaseline() async throws -> Findings {
        let found = try await git(
            """
            mkdir -p \(Self.baseline)/objects \(Self.baseline)/refs
            echo 'ref: refs/heads/baseline' > \(Self.baseline)/HEAD
            g add -A
            g write-tree > \(Self.baseline)/martlet-tree
            if [ -e .git ]; then echo repository; fi
            if [ -e .claude ]; then echo settings; fi
            """
        )
        let words = Set(String(decoding: found, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init))
        return Findings(isRepository: words.contains("repository"), hasSettings: words.contains("settings"))
    }

    /// What changed since the baseline, as a git patch; nil when nothing did.
    func diff() async throws -> String? {
        let diff = """
            g diff --cached --binary --no-color --no-ext-diff --no-textconv "$(cat \(Self.baseline)/martlet-tree)"
            """
        var bytes = try await git("rm -f \(Self.attributes); g add -A; \(diff)")
        if String(validating: bytes, as: UTF8.self) == nil {
            // A text in another encoding would not survive the report; as a binary patch it does.
            bytes = try await git("mkdir -p \(Self.baseline)/info; echo '* -diff' > \(Self.attributes); \(diff)")
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    /// Outranks whatever attributes the working directory gives its files.
    private static let attributes = "\(baseline)/info/attributes"

    /// Runs a line of shell with `g` as git on the baseline's repository, and gives what it wrote.
    @discardableResult
    private func git(_ line: String) async throws -> [UInt8] {
        let script = """
            set -e
            g() { git --git-dir=\(Self.baseline) --work-tree=. "$@"; }
            cd "$1"
            \(line)
            """
        var command = GuestLink.Command(
            "/bin/sh",
            ["-c", script, "sh", path],
            user: "root",
            environment: [
                "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_OPTIONAL_LOCKS": "0",
            ],
            directory: "/"
        )
        command.limit = .seconds(120)
        let result = try await link.run(command, outputLimit: Self.diffLimit)
        guard result.status == 0 else {
            throw CallError(.internalError, "git failed in the guest: \(result.errorText.suffix(400))")
        }
        return result.output
    }

    /// Packs the directory into a file of the host.
    func pack(to file: String) async throws {
        let output = try Descriptor.open(file, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        let written = Atomic<Int64>(0)
        try await link.pack(path, user: Self.user) { bytes in
            guard written.add(Int64(bytes.count), ordering: .relaxed).newValue <= Self.stateLimit else {
                throw CallError(.resourceExhausted, "The working directory is larger than \(Self.stateLimit >> 20) MiB")
            }
            try output.writeAll(bytes)
        }
    }

    /// Unpacks what ``pack(to:)`` wrote.
    func unpack(from file: String) async throws {
        let input = try Descriptor.open(file, O_RDONLY)
        try await link.unpack(into: path, user: Self.user) { body in
            while true {
                let bytes = try input.read(upTo: 256 * 1024)
                if bytes.isEmpty { return }
                try await body.write(bytes)
            }
        }
    }

    /// The file in which Claude Code keeps a session that was begun in this directory.
    func sessionFile(_ session: String) -> String {
        // As Claude Code does it: every UTF-16 unit that is no ASCII letter or digit becomes a dash.
        let folder = path.utf16.map { unit in
            switch unit {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: String(UnicodeScalar(UInt8(unit)))
            default: "-"
            }
        }.joined()
        return "\(Self.home)/.claude/projects/\(folder)/\(session).jsonl"
    }
}
