import FoundationEssentials
import Glibc
import Linux
import Wire

/// What an image says about what runs in it: `config` of OCI's image configuration.
struct ImageConfiguration: Codable, Sendable, Hashable {
    var environment: [String]?
    var entrypoint: [String]?
    var command: [String]?
    var user: String?
    var directory: String?

    private enum CodingKeys: String, CodingKey {
        case environment = "Env"
        case entrypoint = "Entrypoint"
        case command = "Cmd"
        case user = "User"
        case directory = "WorkingDir"
    }

    init() {}

    /// Reads the document around it.
    init(parsing bytes: [UInt8]) throws {
        self = try JSONValue(parsing: bytes)["config"].map { try $0.decode() } ?? ImageConfiguration()
    }

    /// Those that a process can have.
    var variables: [String: String] {
        var variables: [String: String] = [:]
        for text in environment ?? [] {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, Instruction.isVariable(parts[0]), !parts[1].utf8.contains(0) else { continue }
            variables[parts[0]] = parts[1]
        }
        return variables
    }
}

/// Makes a disk of an image, with Debian's skopeo and umoci and without a container engine.
///
/// The layers are somebody else's: umoci checks their digests and keeps every path below the root, and what it made of them is
/// read by `mke2fs`, which follows no link. Devices are thrown away. Nothing of an image is ever run on the host.
struct ImageImport: Sendable {
    let source: ImageSource
    let login: RegistryLogin?
    /// A registry that says nothing for so long is down, in the midst of an image too.
    var patience = Duration.seconds(60)

    private static let tag = "image"

    /// What stands for the image in keys: the digest of its manifest.
    func digest() async throws -> String {
        guard let transport = source.transport else {
            guard case .rootFileSystem(let path) = source else { return "" }
            return try await Tools.digest(ofFile: path)
        }
        try Self.require()
        let output = try await withAuthorization { [self] authorization in
            do {
                return try await withDeadline(patience) {
                    try await Tools.run(
                        "skopeo",
                        ["--insecure-policy", "inspect", "--raw"] + tls("--tls-verify") + authorization + [transport],
                        failure: (.downloadFailed, "The image '\(transport)' was not found")
                    )
                }
            } catch is DeadlineExceeded {
                throw silence(about: transport)
            }
        }
        return Tools.digest([output.text])
    }

    /// Makes `disk.raw` and `image.json` in a place.
    func make(in place: LayerStore.Workplace, diskMiB: Int) async throws {
        try Self.require()
        let layout = "\(place.scratch)/layout"
        let root = "\(place.scratch)/root"
        switch source {
        case .rootFileSystem(let path): try await Self.wrap(path, in: layout)
        default:
            guard let transport = source.transport else { return }
            try await withAuthorization { [self] authorization in
                try await whileGrowing(layout, transport) {
                    _ = try await Tools.run(
                        "skopeo",
                        ["--insecure-policy", "copy", "--quiet"]
                            + tls("--src-tls-verify")
                            + authorization.map { $0 == "--authfile" ? "--src-authfile" : $0 }
                            + [transport, "oci:\(layout):\(Self.tag)"],
                        failure: (.downloadFailed, "The image '\(transport)' was not fetched")
                    )
                }
            }
        }
        let configuration = try await Tools.run(
            "skopeo",
            ["--insecure-policy", "inspect", "--config", "oci:\(layout):\(Self.tag)"],
            failure: (.badImage, "The image's configuration was not read")
        )
        _ = try ImageConfiguration(parsing: configuration.output)
        try Files.write(configuration.output, to: "\(place.result)/image.json")
        let rootless = Tools.isRoot ? [] : ["--rootless"]
        // Without what a container engine would need: that fails for an image whose user is in no passwd.
        try await Tools.run(
            "umoci",
            ["raw", "unpack"] + rootless + ["--image", "\(layout):\(Self.tag)", root],
            failure: (.badImage, "The image's layers can not be used")
        )
        try await Tools.script(
            """
            find "$1" -xdev '(' -type b -o -type c ')' -delete
            mkdir -p "$1"
            truncate -s "$3M" "$2"
            mke2fs -q -F -t ext4 -d "$1" -L image -m 0 -O ^has_journal,^resize_inode,^metadata_csum \\
            -E lazy_itable_init=1,assume_storage_prezeroed=1,root_owner=0:0 "$2"
            """,
            [root, "\(place.result)/disk.raw", "\(diskMiB)"],
            failure: (.badImage, "The image does not fit into a disk of \(diskMiB) MiB")
        )
    }

    /// Runs `body` for as long as a directory grows, if what fills it comes from a registry.
    private func whileGrowing(
        _ directory: String,
        _ transport: String,
        _ body: @Sendable @escaping () async throws -> Void
    ) async throws {
        guard case .registry = source else { return try await body() }
        try await withThrowingTaskGroup(of: Void.self) { [patience] group in
            group.addTask { try await body() }
            group.addTask {
                var last: Int64 = -1
                while true {
                    let space = try await BlockingPool.run { Files.space(directory) }
                    if space == last { throw silence(about: transport) }
                    last = space
                    try await EventLoop.shared.sleep(for: patience)
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func silence(about transport: String) -> TemplateError {
        TemplateError(
            .downloadFailed,
            "The image '\(transport)' was not fetched: its registry said nothing for \(Int(patience / .seconds(1))) seconds"
        )
    }

    /// Makes an image with one layer, so that a plain archive is unpacked with the same care.
    private static func wrap(_ path: String, in layout: String) async throws {
        guard Files.exists(path), !Files.isDirectory(path) else {
            throw TemplateError(.notFound, "There is no file '\(path)'")
        }
        try await Tools.script(
            """
            umoci init --layout "$1"
            umoci new --image "$1:$2"
            case $(head -c 2 "$3" | od -An -tx1 | tr -d ' ') in
                1f8b) gzip -dc "$3" > "$1.tar"; set -- "$1" "$2" "$1.tar" ;;
            esac
            umoci raw add-layer --image "$1:$2" "$3"
            """,
            [layout, tag, path],
            failure: (.badImage, "'\(path)' is no tar of a root file system")
        )
    }

    private func tls(_ option: String) -> [String] { source.isLocalRegistry ? ["\(option)=false"] : [] }

    /// Gives the options by which skopeo logs in. The password is in a file of this user's alone, and in no command line.
    private func withAuthorization<Result: Sendable>(
        _ body: @Sendable @escaping ([String]) async throws -> Result
    ) async throws -> Result {
        guard let login, case .registry(let name) = source else { return try await body([]) }
        let (user, password) = try Self.credential(of: login)
        let host = name.contains("/") ? String(name.prefix { $0 != "/" }) : "docker.io"
        let secret = Data("\(user):\(password)".utf8).base64EncodedString()
        let file = "\(Program.variable("TMPDIR") ?? "/tmp")/martlet-login-\(Random.name(16))"
        let document: JSONValue = ["auths": .object([host: ["auth": .string(secret)]])]
        try Files.write(document.encoded(), to: file, mode: 0o600)
        defer { try? Files.remove(file) }
        return try await body(["--authfile", file])
    }

    static func credential(of login: RegistryLogin) throws(TemplateError) -> (user: String, password: String) {
        if login.type == "registry", let user = login.username, let password = login.password {
            return (user, password)
        }
        // The name by which Google's registries take the document of a service account for a password.
        if login.type == "gcp", let document = login.serviceAccountJson { return ("_json_key", document) }
        throw TemplateError(
            .invalidRequest,
            "A login of the kind '\(login.type)' is not supported: a registry is logged in to with name and password, or "
                + "with the document of a Google service account"
        )
    }

    private static func require() throws(TemplateError) {
        let missing = ["skopeo", "umoci"].filter { Program.find($0) == nil }
        guard missing.isEmpty else {
            throw TemplateError(
                .toolsMissing,
                "Images can not be used without \(missing.joined(separator: " and ")); install what is missing with "
                    + "'apt-get install \(missing.joined(separator: " "))'"
            )
        }
    }
}
