import FoundationEssentials
import Linux
import Machines
import Records
import Wire

/// What a template is: a machine at rest, and what its sandboxes start with.
///
/// Written once by a template build, read by every create, deleted with the template.
package struct TemplateManifest: Codable, Sendable, Hashable {
    package var name: String
    package var buildID: String
    package var created: Date
    package var identity: MachineIdentity
    package var shape: MachineShape
    package var kernel: String
    package var initialRAMDisk: String
    package var commandLine: String
    package var rootImage: String
    /// The directories of all that it was made from, which the next build of it uses again. Manifests of earlier versions
    /// do not say.
    package var layers: [String]?
    package var memoryBytes: Int64
    package var diskMiB: Int
    /// The guest agent's generation; see ``GuestProtocol/generation``.
    package var guestGeneration: Int
    package var environment: [String: String]
    package var user: String
    package var directory: String
    /// What is in it, for people: versions of the parts.
    package var contents: [String: String]
    /// The digest of all that it was made of; nil for those made by a recipe, whose build's id begins with theirs.
    package var key: String?
    /// What was started before it was saved, and runs in each of its sandboxes.
    package var startCommand: String?
    /// What shaped the agent that waits in it; nil where none does.
    package var agent: String?

    package init(
        name: String,
        buildID: String,
        created: Date,
        identity: MachineIdentity,
        plan: BootPlan,
        diskMiB: Int,
        environment: [String: String],
        user: String,
        directory: String,
        contents: [String: String]
    ) {
        self.name = name
        self.buildID = buildID
        self.created = created
        self.identity = identity
        shape = plan.shape
        kernel = plan.kernel
        initialRAMDisk = plan.initialRAMDisk
        commandLine = plan.commandLine
        rootImage = plan.rootImage
        memoryBytes = Int64(plan.shape.memoryMiB) << 20
        self.diskMiB = diskMiB
        guestGeneration = GuestProtocol.generation
        self.environment = environment
        self.user = user
        self.directory = directory
        self.contents = contents
    }

    package var plan: BootPlan {
        BootPlan(
            shape: shape,
            kernel: kernel,
            initialRAMDisk: initialRAMDisk,
            commandLine: commandLine,
            rootImage: rootImage
        )
    }
}

/// A template that can be used.
package struct Template: Sendable {
    package let manifest: TemplateManifest
    package let saved: SavedMachine
    /// Authorises the first request to a machine resumed from it.
    package let bootstrap: Secret
}

/// The templates of this installation: `builds/ID/` with a manifest and a machine's files, `names/NAME` and `names/NAME:TAG`
/// with a build's id, `foundations/KEY` with the id of one that no sandbox is made from, but other templates are, `agents/ID`
/// with the id of the same template as `ID` with an agent that waits in it.
///
/// A build is made under `building/`, put on disk, and renamed to its place whole; then the name is pointed to it. So a name
/// points to a whole build or to what it pointed to before.
package struct TemplateStore: Sendable {
    /// What programs written elsewhere call a template that is here by another name. A template of such a name of its own
    /// comes first.
    private static let aliases = [
        "anthropic-claude-code": "claude", "claude-code-with-mcp": "claude", "mcp-gateway": "claude",
    ]

    package enum File {
        package static let manifest = "manifest.json"
        package static let bootstrap = "bootstrap"
        package static let memory = "memory"
        package static let deviceState = "device-state"
        package static let disk = "disk.qcow2"
        /// All but the manifest.
        package static let all = [bootstrap, memory, deviceState, disk]
    }

    let root: String

    package init(_ home: Home) {
        root = home.templates
    }

    package func buildingDirectory(_ buildID: String) -> String { "\(root)/building/\(buildID)" }
    package func directory(_ buildID: String) -> String { "\(root)/builds/\(buildID)" }
    func nameFile(_ name: String) -> String { "\(root)/names/\(name)" }
    func foundationFile(_ key: String) -> String { "\(root)/foundations/\(key)" }
    func agentFile(_ buildID: String) -> String { "\(root)/agents/\(buildID)" }

    package static let nameRule = "1 to 64 lower-case letters, digits, dots, dashes and underscores"

    /// A name is 1 to 64 lower-case letters, digits, dots, dashes and underscores.
    package static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count) && !name.hasPrefix(".")
            && name.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x5F
                    || byte == 0x2E
            }
    }

    package func names() -> [String] {
        Files.list("\(root)/names").filter(Self.isName)
    }

    /// The template called `name`, with a tag behind a colon or without.
    ///
    /// - Throws: ``SandboxError/Code/templateNotFound`` with the nearest name, ``SandboxError/Code/templateBroken`` when
    ///   its files are not what the manifest says.
    package func template(_ name: String) throws -> Template {
        guard let id = pointee(name) else {
            if let other = Self.aliases[name] { return try template(other) }
            throw SandboxError(.templateNotFound, "There is no template '\(name)'; \(hint(missing: name))")
        }
        return try build(id, name: name)
    }

    /// What to do about a name that there is not.
    private func hint(missing name: String) -> String {
        if BuildTemplate.recipes.contains(name) { return "build it with 'martlet template build \(name)'" }
        let known = names()
        return known.isEmpty
            ? "there is none yet; build one with 'martlet template build claude'"
            : "there are: \(known.joined(separator: ", "))"
    }

    /// The template that a build made, whether or not a name points to it.
    package func build(_ buildID: String, name: String) throws -> Template {
        let directory = directory(buildID)
        func broken(_ reason: String) -> SandboxError {
            SandboxError(
                .templateBroken,
                "The template '\(name)' can not be used: \(reason); build it again with 'martlet template build \(name)'"
            )
        }
        let manifest: TemplateManifest
        let bootstrap: Secret
        do {
            manifest = try JSONDecoder().decode(
                TemplateManifest.self,
                from: Data(try Files.read("\(directory)/\(File.manifest)"))
            )
            bootstrap = Secret(String(decoding: try Files.read("\(directory)/\(File.bootstrap)"), as: UTF8.self))
        } catch {
            throw broken("its manifest can not be read (\(error))")
        }
        let saved = SavedMachine(
            identity: manifest.identity,
            plan: manifest.plan,
            memory: "\(directory)/\(File.memory)",
            disk: "\(directory)/\(File.disk)",
            state: .template(deviceState: "\(directory)/\(File.deviceState)")
        )
        guard manifest.guestGeneration == GuestProtocol.generation else {
            throw broken("it was made by another version of Martlet")
        }
        guard Files.size(saved.memory) == manifest.memoryBytes else { throw broken("its memory is not whole") }
        let deviceState = "\(directory)/\(File.deviceState)"
        for path in [deviceState, saved.disk, manifest.kernel, manifest.initialRAMDisk, manifest.rootImage]
        where !Files.exists(path) {
            throw broken("'\(path)' is missing")
        }
        return Template(manifest: manifest, saved: saved, bootstrap: bootstrap)
    }

    // MARK: Publishing

    /// Puts a finished build in its place and points its name, and its `tags`, to it. All files must be on disk already.
    package func publish(_ manifest: TemplateManifest, tags: [String] = [TemplateName.defaultTag]) throws {
        let names = tags.map { TemplateName(manifest.name, tag: $0) }
        guard names.allSatisfy(\.isValid) else {
            throw SandboxError(.templateNotFound, "'\(manifest.name)' with the tags \(tags) can not name a template")
        }
        try place(manifest)
        try Files.makeDirectory("\(root)/names")
        for name in names { try point(nameFile(name.fileName), to: manifest.buildID) }
    }

    /// The same for one that only other templates are made from.
    package func publish(foundation manifest: TemplateManifest, key: String) throws {
        try place(manifest)
        try Files.makeDirectory("\(root)/foundations")
        try point(foundationFile(key), to: manifest.buildID)
    }

    /// The same for one that is the build `original` with an agent that waits in it.
    package func publish(agent manifest: TemplateManifest, of original: String) throws {
        try place(manifest)
        try Files.makeDirectory("\(root)/agents")
        let previous = agentBuild(of: original)
        try Files.write(manifest.buildID.utf8, to: agentFile(original))
        if let previous { try? Files.remove(directory(previous)) }
    }

    private func place(_ manifest: TemplateManifest) throws {
        let building = buildingDirectory(manifest.buildID)
        try Files.write(JSONValue(encoding: manifest).encoded(pretty: true), to: "\(building)/\(File.manifest)")
        try Files.makeDirectory("\(root)/builds")
        try Files.rename(building, to: directory(manifest.buildID))
    }

    func point(_ file: String, to buildID: String) throws {
        let previous = try? Files.read(file)
        try Files.write(buildID.utf8, to: file)
        if let previous { try? removeIfUnused(String(decoding: previous, as: UTF8.self)) }
    }
}
