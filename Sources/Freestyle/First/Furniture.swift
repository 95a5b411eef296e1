import GuestLink
import RPC
import Wire

/// What a machine of the first version has from its create on: packages, groups, users, repositories and files.
struct Furniture: Sendable {
    private struct User: Sendable {
        var name: String
        var uid: Int64?
        var groups: [String]
        var home: String?
        var shell: String
        var isSystem: Bool
    }

    private struct File: Sendable {
        var file: NewFile
        var content: [UInt8]
    }

    private var groups: [(name: String, gid: Int64?)] = []
    private var users: [User] = []
    private var files: [File] = []
    private let packages: [String]
    private let repositories: Repositories

    private static let ids: ClosedRange<Int64> = 0...Int64(UInt32.max) - 1

    init(_ members: Members) throws {
        packages = try (members.strings("aptDeps") ?? []).map { try Self.package($0) }
        repositories = try Repositories(members)
        for group in try members.objects("groups") ?? [] {
            groups.append((try Self.name(group), try group.integer("gid", in: Self.ids)))
        }
        for user in try members.objects("users") ?? [] {
            users.append(
                User(
                    name: try Self.name(user),
                    uid: try user.integer("uid", in: Self.ids),
                    groups: try user.strings("groups") ?? [],
                    home: try user.string("home").map { try GuestPath($0).text },
                    shell: try user.string("shell") ?? "/bin/bash",
                    isSystem: try user.bool("system") ?? false
                )
            )
        }
        guard let additional = try members.object("additionalFiles") else { return }
        for path in additional.names.sorted() {
            guard let file = try additional.object(path) else { continue }
            let mode: Int64 = try file.bool("executable") ?? false ? 0o755 : 0o644
            let new = try NewFile(path: try GuestPath(path), mode: mode, digest: nil, user: "root")
            files.append(File(file: new, content: try FileContent.bytes(file)))
        }
    }

    private static func name(_ members: Members) throws -> String {
        let name = try members.text("name")
        let isName =
            (1...32).contains(name.utf8.count) && !name.hasPrefix("-")
            && name.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x5F
            }
        guard isName else { throw FreestyleError.badRequest("'\(name)' is no name of a user or group") }
        return name
    }

    /// Debian's names, with a version or a release perhaps, and nothing that apt would take for an option.
    private static func package(_ name: String) throws -> String {
        let isName =
            (2...200).contains(name.utf8.count)
            && name.utf8.first.map { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) } == true
            && name.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                    || Array("+-.:=~/_".utf8).contains(byte)
            }
        guard isName else { throw FreestyleError.badRequest("'aptDeps': '\(name)' is no name of a package") }
        return name
    }

    func bring(into vm: VM) async throws {
        if !packages.isEmpty {
            try await vm.perform(["apt-get", "update", "-q"], Self.installing)
            let install = ["apt-get", "install", "-q", "--yes", "--no-install-recommends", "--"]
            try await vm.perform(install + packages, Self.installing)
        }
        for group in groups {
            try await vm.perform(
                ["groupadd", "--force"] + (group.gid.map { ["--gid", "\($0)"] } ?? []) + [group.name]
            )
        }
        for user in users { try await add(user, to: vm) }
        try await repositories.bring(into: vm)
        for file in files { try await file.file.write(to: vm.sandbox, from: FileEndpoints.once(file.content)) }
    }

    private func add(_ user: User, to vm: VM) async throws {
        var arguments = ["useradd", "--create-home", "--shell", user.shell]
        if let uid = user.uid { arguments += ["--uid", "\(uid)"] }
        if let home = user.home { arguments += ["--home-dir", home] }
        if !user.groups.isEmpty { arguments += ["--groups", user.groups.joined(separator: ",")] }
        if user.isSystem { arguments.append("--system") }
        try await vm.perform(arguments + [user.name])
    }

    private static let installing = ["DEBIAN_FRONTEND": "noninteractive"]
}

extension VM {
    /// How long one step of a create may take.
    private static let stepLimit = Duration.seconds(900)

    /// Runs a program as root. Programs, not shell lines: nothing of a name can become a command.
    func perform(_ arguments: [String], _ environment: [String: String] = [:]) async throws {
        var command = GuestLink.Command(
            arguments[0],
            Array(arguments.dropFirst()),
            user: "root",
            environment: environment,
            directory: "/"
        )
        command.limit = Self.stepLimit
        let line = arguments.joined(separator: " ")
        let result: CommandResult
        do { result = try await link.run(command, outputLimit: 16 * 1024 * 1024) } catch let error as CallError
            where error.code == .invalidArgument
        {
            throw FreestyleError.badRequest("'\(line)' can not be run in this VM: \(error.message)")
        }
        guard result.status == 0 else {
            let words = result.errorText.isEmpty ? result.text : result.errorText
            throw FreestyleError.badRequest("'\(line)' failed: \(words.suffix(2000))")
        }
    }
}
