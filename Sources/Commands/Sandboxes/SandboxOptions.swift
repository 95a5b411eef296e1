import Arguments
import FoundationEssentials
import HTTP
import RPC
import Terminals
import Wire

extension Invocation {
    /// All values of an option; nil when it was not given.
    func list(_ name: String) -> [String]? {
        isGiven(name) ? values(name) : nil
    }
}

/// What the commands about sandboxes have in common.
enum SandboxOptions {
    static let sandbox = Positional("ID", "The sandbox; the beginning of its id is enough where it is the only one")

    static let user = Option.value("--user", "NAME", short: "u", "Who runs it", default: .described("user"))

    static let directory = Option.value(
        "--cwd",
        "DIR",
        short: "c",
        aliases: ["-w"],
        "Where it runs",
        default: .described("the user's home")
    )

    static let metadata = Option.repeated("--metadata", "NAME=VALUE", "Note something about it")

    static let volume = Option.repeated("--volume", "NAME:PATH", "See a volume in it, at a path such as /mnt/data")

    /// The volumes that `--volume` names.
    static func volumes(_ invocation: Invocation) throws -> [VolumeWish] {
        try invocation.values("--volume").map { word in
            let parts = word.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2, parts[1].hasPrefix("/") else {
                throw CommandsError(.unusableInput, "'--volume \(word)' must be NAME:PATH, as in 'data:/mnt/data'")
            }
            return VolumeWish(name: parts[0], path: parts[1])
        }
    }

    static let allow = Option.repeated(
        "--allow",
        "HOST",
        "What it may reach: a name, '*.name', an address or range, with ':port' if wanted; '*' is all"
    )

    static let deny = Option.repeated("--deny", "HOST", "What it may not reach, unless it is allowed")

    static let header = Option.repeated(
        "--header",
        "RULE",
        "What is put into its requests, as in 'api.example.com Authorization: Bearer ${secret:NAME}', with a secret that it never sees; with '${placeholder:NAME}' the secret replaces what the sandbox holds in its place, 'martlet-secret-NAME'"
    )

    static let git = Option.repeated("--git", "RULE", gitMeaning)
    static let gitMeaning =
        "Repository that git in it may read, and push to where 'push=' says so, as in 'https://github.com/me/repo push=agent/* secret=NAME', with a credential that it never sees"

    static let detach = "'~.' at the start of a line leaves it running"

    /// The sandbox that the line names, and the way to its guest as the user that the line names.
    static func reach(
        _ invocation: Invocation,
        _ daemon: DaemonConnection
    ) async throws -> (sandbox: SandboxInfo, client: CallClient) {
        // The guest is reached by the whole id; here the beginning of one may be given.
        let reference = SandboxReference(id: try invocation.required("ID"))
        let sandbox = try await daemon.client.call(GetSandbox.self, reference)
        return (sandbox, daemon.client(ofSandbox: sandbox.id, user: invocation.value("--user")))
    }

    /// A length of time from now until a sandbox is ended.
    static func lifetime(_ name: String, _ invocation: Invocation) throws -> Duration? {
        try invocation.duration(name, in: .zero ... .seconds(365 * 86_400))
    }
}

extension DaemonConnection {
    /// The client for calls that a sandbox's guest answers, as one of its users.
    func client(ofSandbox id: String, user: String?) -> CallClient {
        var client = client(ofSandbox: id)
        if let user { client.headers["Authorization"] = "Basic \(Data("\(user):".utf8).base64EncodedString())" }
        return client
    }

    /// The way to a sandbox's WebSockets, tried again as long as there is that sandbox.
    func sockets(_ client: CallClient, of id: String) -> SandboxSockets {
        SandboxSockets(client, of: id, daemon: self.client)
    }
}
