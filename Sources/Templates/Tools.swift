import Glibc
import Linux
import TLS

/// Programs of the host that a build needs, and the packages they are in.
enum Tools {
    private static let packages = [
        "apt-cache": "apt", "apt-get": "apt", "dpkg-deb": "dpkg", "lz4": "lz4", "mmdebstrap": "mmdebstrap",
        "newuidmap": "uidmap", "unshare": "util-linux", "tar": "tar", "mke2fs": "e2fsprogs", "cpio": "cpio",
        "python3": "python3", "sha256sum": "coreutils", "truncate": "coreutils",
    ]

    static var isRoot: Bool { geteuid() == 0 }

    /// What each layer is made with.
    static func names(for layer: Layer) -> [String] {
        switch layer {
        case .kernel: ["apt-cache", "apt-get", "dpkg-deb", "lz4"]
        case .base: ["mmdebstrap", "unshare"] + (isRoot ? [] : ["newuidmap"])
        case .claude: ["python3", "sha256sum"]
        case .packages: ["python3"]
        case .disk: ["tar", "mke2fs", "truncate"] + (isRoot ? [] : ["unshare", "newuidmap"])
        case .initialRAMDisk: ["cpio"]
        }
    }

    /// Finds out at once what all of `layers` lack, so that a person installs it in one go.
    ///
    /// - Parameter find: looks for a program.
    static func require(
        for layers: [Layer],
        find: (String) -> String? = { Program.find($0) }
    ) throws(TemplateError) {
        let missing = Set(layers.flatMap(names)).filter { find($0) == nil }.sorted()
        if missing.isEmpty { return }
        let wanted = Set(missing.map { packages[$0] ?? $0 }).sorted()
        throw TemplateError(
            .toolsMissing,
            "The template can not be built without \(missing.joined(separator: ", ")); install what is missing with "
                + "'apt-get install \(wanted.joined(separator: " "))'"
        )
    }

    /// Runs a program and gives what it wrote.
    ///
    /// - Parameters:
    ///   - failure: what a non-zero status is called, and a sentence without its end for it.
    ///   - line: told each line that it writes.
    @discardableResult
    static func run(
        _ name: String,
        _ arguments: [String],
        directory: String? = nil,
        environment: [String: String] = [:],
        input: [UInt8] = [],
        failure: (TemplateError.Code, String),
        line: (@Sendable (String) -> Void)? = nil
    ) async throws -> Program.Output {
        var program = try Program(name, arguments, directory: directory, input: input)
        // Where Debian keeps mke2fs and others, which a user's own PATH leaves out.
        program.environment["PATH", default: "/usr/bin:/bin"] += ":/usr/sbin:/sbin"
        for (name, value) in environment { program.environment[name] = value }
        let output = try await program.run(line: line)
        guard output.status.isSuccess else {
            let words = (output.errorText.isEmpty ? output.text : output.errorText)
                .split(separator: "\n").suffix(4).joined(separator: "; ")
            throw TemplateError(
                failure.0,
                "\(failure.1): '\(name)' ended with status \(output.status.shellStatus): \(words)"
            )
        }
        return output
    }

    /// Runs a shell script whose arguments are `$1`, `$2`, …
    ///
    /// - Parameter ownsFiles: it makes files of several owners: where this process is not root, it runs as the root of a user
    ///   namespace with the owners that `/etc/subuid` grants.
    static func script(
        _ text: String,
        _ arguments: [String],
        ownsFiles: Bool = false,
        environment: [String: String] = [:],
        failure: (TemplateError.Code, String),
        line: (@Sendable (String) -> Void)? = nil
    ) async throws {
        var words = ["/bin/sh", "-euc", text, "sh"] + arguments
        if ownsFiles, !isRoot { words = ["unshare", "--map-root-user", "--map-auto"] + words }
        try await run(words[0], Array(words.dropFirst()), environment: environment, failure: failure, line: line)
    }

    /// Removes a tree that may have files of other owners in it.
    static func removeTree(_ path: String) async {
        if (try? await BlockingPool.run { try Files.remove(path) }) != nil { return }
        _ = try? await script(
            "rm -rf \"$1\"",
            [path],
            ownsFiles: true,
            failure: (.toolFailed, "Could not remove '\(path)'")
        )
    }

    /// The SHA-256 of a file, as hexadecimal digits.
    static func digest(ofFile path: String) async throws -> String {
        let failure = (TemplateError.Code.invalidRequest, "Could not read '\(path)'")
        return String(try await run("sha256sum", ["--", path], failure: failure).text.drop { $0 == "\\" }.prefix(64))
    }

    /// The SHA-256 of texts; each text's length is part of it, so that no two lists look alike.
    static func digest(_ texts: [String]) -> String {
        Random.hex(Digest.sha256(texts.flatMap { Array("\($0.utf8.count):\($0)".utf8) }))
    }
}
